//! A keeper before it has a job: its kernel waits in the pool until one claims it.

use std::io::Write as _;
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::AsyncReadExt as _;
use tokio::net::unix::pipe::Receiver;
use tokio::time::timeout;

use super::server::Server;
use super::{KERNEL_RECORD, Keeper, KeeperRecord, Kernel, family, journal, lock};
use crate::journal::Channel;
use crate::protocol::Outgoing;
use crate::spec::LaunchSpec;
use crate::warm;

/// How long the kernel may take to be brought into its job's folder.
const SETTLE_LIMIT: Duration = Duration::from_secs(1);
/// What moves to the job; the journal last, since with it the job has begun.
const MOVED: [&str; 4] = [
    "keeper.generation",
    KERNEL_RECORD,
    "kernel.log",
    "keeper.log",
];
/// What a kernel does that is brought elsewhere. It runs with names of its own, so that it leaves none behind.
const SETTLE: &str = "\
import os
os.chdir(cwd)
here = os.getcwd()
shell.starting_dir = here
shell.user_ns['_dh'][:] = [type(entry)(here) for entry in shell.user_ns['_dh'][:1]]
";

/// The end of the agent that started a warm keeper, told by the end of its standard input.
pub(super) async fn agent_gone(is_warm: bool) {
    if !is_warm {
        return std::future::pending().await;
    }
    let input = std::io::stdin().as_fd().try_clone_to_owned();
    let Ok(mut input) = input.and_then(Receiver::from_owned_fd) else {
        tracing::error!("a warm keeper needs a pipe on its standard input");
        return;
    };
    let mut byte = [0];
    while let Ok(1..) = input.read(&mut byte).await {}
}

impl Keeper {
    /// Offers the kernel once it answers.
    pub(super) fn offer(&self) {
        let Some(spec) = self.spec.as_ref().filter(|_| self.is_warm) else {
            return;
        };
        if let Err(error) = warm::offer(&self.job_dir, spec) {
            tracing::warn!(%error, "the warm kernel cannot be offered");
        }
    }

    /// Works for a job from now on, with the kernel as one that was started for it.
    pub(super) async fn serve_job(
        &mut self,
        job_dir: PathBuf,
        spec: LaunchSpec,
        server: &mut Server,
    ) -> Result<(), String> {
        if !self.is_warm {
            return Err("this keeper has a job".to_owned());
        }
        if !spec.cwd.is_dir() {
            return Err("the job's working directory does not exist".to_owned());
        }
        let begun = std::fs::metadata(job_dir.join(journal::FILE_NAME));
        if begun.is_ok_and(|meta| meta.len() > journal::START) {
            return Err("the job has a journal".to_owned());
        }
        let text = |error: &dyn std::fmt::Display| error.to_string();
        let lock = lock(&job_dir).map_err(|error| text(&error))?;
        self.settle(&spec).await?;
        self.move_files(&job_dir).map_err(|error| text(&error))?;
        server.move_to(&job_dir).map_err(|error| text(&error))?;
        KeeperRecord::write(&job_dir, &self.nonce, server.path()).map_err(|error| text(&error))?;
        self.pool_dir = Some(std::mem::replace(&mut self.job_dir, job_dir));
        self.lock = lock;
        self.spec = Some(spec);
        self.is_warm = false;
        say_claimed();
        Ok(())
    }

    /// Brings the kernel into the job's folder.
    async fn settle(&mut self, spec: &LaunchSpec) -> Result<(), String> {
        let Kernel::Running(running) = &mut self.kernel else {
            return Err("the warm kernel does not run".to_owned());
        };
        let cwd = spec.cwd.to_str().ok_or("the folder's name is no text")?;
        let code = format!(
            "exec({}, {{'cwd': {}, 'shell': get_ipython()}})",
            python_text(SETTLE),
            python_text(cwd)
        );
        let request = Outgoing {
            channel: Channel::Shell,
            msg_type: "execute_request".to_owned(),
            msg_id: uuid::Uuid::new_v4().to_string(),
            content: json!({
                "code": code, "silent": true, "store_history": false,
                "user_expressions": {}, "allow_stdin": false, "stop_on_error": true,
            }),
            metadata: Value::Null,
            parent_header: Value::Null,
            echo: None,
            buffers: Vec::new(),
        };
        let answer = timeout(SETTLE_LIMIT, running.ask_shell(request, &self.journal)).await;
        match answer {
            Ok(Ok(reply)) if reply["status"] == "ok" => Ok(()),
            Ok(Ok(reply)) => Err(format!(
                "the warm kernel stays where it is: {}",
                reply["evalue"]
            )),
            Ok(Err(error)) => Err(error),
            Err(_) => Err("the warm kernel does not answer".to_owned()),
        }
    }

    fn move_files(&self, job_dir: &Path) -> std::io::Result<()> {
        for name in MOVED {
            match std::fs::rename(self.job_dir.join(name), job_dir.join(name)) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        for name in [family::FILE_NAME, journal::FILE_NAME] {
            std::fs::rename(self.job_dir.join(name), job_dir.join(name))?;
        }
        Ok(())
    }
}

/// A text as Python writes it.
fn python_text(text: &str) -> String {
    let escaped = text.chars().map(|c| match c {
        '\\' | '\'' => format!("\\{c}"),
        ' '..='~' => c.to_string(),
        c => format!("\\U{:08x}", u32::from(c)),
    });
    format!("'{}'", escaped.collect::<String>())
}

/// Tells the agent that a place in its pool is free.
fn say_claimed() {
    let mut out = std::io::stdout().lock();
    // The agent may be gone.
    let _ = writeln!(out, "claimed").and_then(|()| out.flush());
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_text_is_written_as_python_reads_it() {
        let text = super::python_text("a'b\\c\n\u{200b}é");
        assert_eq!(text, r"'a\'b\\c\U0000000a\U0000200b\U000000e9'");
    }
}
