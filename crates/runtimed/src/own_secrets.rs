//! What the daemon's processes keep to themselves: their memory, and the credential that they are started with.
//!
//! The system shows the environment that a process began with to every process of its user, whatever becomes of its
//! variables later. A process that was given a credential there therefore begins anew, with the credential on its
//! standard input.

use std::io::{self, Read as _, Write as _};
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use cloud_client::SecretString;

/// Holds the credential.
pub const TOKEN_VARIABLE: &str = "RUNT_CLOUD_TOKEN";
/// The variable's value where the credential comes on the standard input.
const ON_STDIN: &str = "-";
/// Longest credential; a pipe takes it at once.
const TOKEN_BYTES: u64 = 16 * 1024;

/// No other process of the same user may trace this one, or read its memory, its environment or its files by way of
/// `/proc`; a crash leaves no image of it.
pub fn hide_memory() {
    #[cfg(target_os = "linux")]
    if let Err(error) =
        rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable)
    {
        tracing::warn!(%error, "this process's memory can be read by the same user");
    }
}

/// The credential, trimmed, if this process was given one. Call it before anything else is done: where the credential
/// is in the environment, it does not return.
pub fn take_token() -> io::Result<Option<SecretString>> {
    let Ok(given) = std::env::var(TOKEN_VARIABLE) else {
        return Ok(None);
    };
    let given = given.trim();
    if given.is_empty() {
        return Ok(None);
    }
    if given != ON_STDIN {
        return Err(begin_anew(given));
    }
    let mut token = String::new();
    io::stdin().take(TOKEN_BYTES).read_to_string(&mut token)?;
    // Nobody writes to that pipe any more.
    let null = std::fs::File::open("/dev/null")?;
    rustix::stdio::dup2_stdin(null)?;
    let token = token.trim();
    Ok((!token.is_empty()).then(|| SecretString::from(token)))
}

/// Becomes this program again; returns only if that fails.
fn begin_anew(token: &str) -> io::Error {
    if token.len() as u64 > TOKEN_BYTES {
        return io::Error::other("it is too long");
    }
    let again = || -> io::Result<io::Error> {
        let (reader, mut writer) = io::pipe()?;
        writer.write_all(token.as_bytes())?;
        drop(writer);
        let mut arguments = std::env::args_os();
        let mut command = Command::new(std::env::current_exe()?);
        if let Some(name) = arguments.next() {
            command.arg0(name);
        }
        command
            .args(arguments)
            .env(TOKEN_VARIABLE, ON_STDIN)
            .stdin(reader);
        Ok(command.exec())
    };
    again().unwrap_or_else(|error| error)
}
