//! The kernel's state (documents 5.2).

use automerge::ReadDoc;
use automerge::transaction::Transactable;
use serde::Serialize;

use super::{RuntimeStateDoc, lifecycle};
use crate::DeclaredEnvironment;
use crate::value::{DocError, Reader};

/// The typed state of a kernel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Lifecycle {
    /// `NotStarted`, `Launching`, `Running`, `Error`, `Shutdown`, ….
    pub lifecycle: String,
    /// `Idle`, `Busy` or `Unknown`; only with `Running`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub activity: Option<String>,
}

impl Lifecycle {
    /// Makes a state other than `Running`.
    pub fn new(lifecycle: &str) -> Self {
        Self {
            lifecycle: lifecycle.to_owned(),
            activity: None,
        }
    }

    /// Makes `Running` with an activity.
    pub fn running(activity: &str) -> Self {
        Self {
            lifecycle: "Running".to_owned(),
            activity: Some(activity.to_owned()),
        }
    }

    /// Returns whether a kernel exists or is on its way.
    pub fn is_live(&self) -> bool {
        !["NotStarted", "Error", "Shutdown"].contains(&self.lifecycle.as_str())
    }

    /// Returns the compressed word.
    pub fn status(&self) -> &'static str {
        match (self.lifecycle.as_str(), self.activity.as_deref()) {
            ("AwaitingTrust", _) => "awaiting_trust",
            ("AwaitingEnvBuild", _) => "awaiting_env_build",
            ("Resolving" | "PreparingEnv" | "Launching" | "Connecting", _) => "starting",
            ("Running", Some("Busy")) => "busy",
            ("Running", _) => "idle",
            ("Error", _) => "error",
            ("Shutdown", _) => "shutdown",
            _ => "not_started",
        }
    }

    /// Returns the phase that goes with `starting`.
    pub fn starting_phase(&self) -> &'static str {
        match self.lifecycle.as_str() {
            "Resolving" => "resolving",
            "PreparingEnv" => "preparing_env",
            "Launching" => "launching",
            "Connecting" => "connecting",
            _ => "",
        }
    }
}

/// The kernel as a reader sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct KernelInfo {
    /// Its state.
    pub lifecycle: Lifecycle,
    /// The compressed state.
    pub status: String,
    /// The phase that goes with `starting`.
    pub starting_phase: String,
    /// Such as `python3`.
    pub name: String,
    /// Such as `python`.
    pub language: String,
    /// Where its environment came from.
    pub env_source: String,
    /// The process that owns it.
    pub runtime_agent_id: String,
    /// Why it failed, in a word.
    pub error_reason: Option<String>,
    /// Why it failed, for people.
    pub error_details: Option<String>,
    /// The runtime peer's last heartbeat.
    pub last_seen: Option<String>,
}

impl KernelInfo {
    pub(super) fn absent() -> Self {
        Self {
            lifecycle: Lifecycle::new("NotStarted"),
            status: String::new(),
            starting_phase: String::new(),
            name: String::new(),
            language: String::new(),
            env_source: String::new(),
            runtime_agent_id: String::new(),
            error_reason: None,
            error_details: None,
            last_seen: None,
        }
    }
}

pub(super) fn read<D: ReadDoc>(reader: Reader<'_, D>) -> KernelInfo {
    let kernel = reader.root_map("kernel");
    let optional = |key: &str| kernel.as_ref().and_then(|kernel| reader.str(kernel, key));
    let text = |key: &str| optional(key).unwrap_or_default();
    let lifecycle = kernel.as_ref().map_or_else(
        || Lifecycle::new("NotStarted"),
        |kernel| lifecycle::read(reader, kernel),
    );
    KernelInfo {
        status: lifecycle.status().to_owned(),
        starting_phase: lifecycle.starting_phase().to_owned(),
        lifecycle,
        name: text("name"),
        language: text("language"),
        env_source: text("env_source"),
        runtime_agent_id: text("runtime_agent_id"),
        error_reason: optional("error_reason"),
        error_details: optional("error_details"),
        last_seen: optional("last_seen"),
    }
}

/// The kernel that a notebook asks for by its metadata.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WantedKernelspec {
    /// The kernelspec's name.
    pub name: String,
    /// Its language in lower case; empty while unknown.
    pub language: String,
}

impl RuntimeStateDoc {
    /// Returns the kernel as a reader sees it.
    pub fn kernel(&self) -> KernelInfo {
        read(self.reader())
    }

    /// Reads which kernelspec the notebook asks for (additive keys that the room writes; no language is Python).
    pub fn wanted_kernelspec(&self) -> Option<WantedKernelspec> {
        let reader = self.reader();
        let kernel = reader.root_map("kernel")?;
        Some(WantedKernelspec {
            name: reader.str(&kernel, "kernelspec")?,
            language: reader
                .str(&kernel, "kernelspec_language")
                .unwrap_or_else(|| "python".to_owned()),
        })
    }

    /// Reads which environment the notebook declares (an additive key that the room writes).
    pub fn declared_environment(&self) -> Option<DeclaredEnvironment> {
        let reader = self.reader();
        let kernel = reader.root_map("kernel")?;
        DeclaredEnvironment::from_text(&reader.str(&kernel, "declared_environment")?)
    }

    /// Writes how far the launch is, for people (an additive key); nothing is an empty text.
    pub fn set_launch_progress(&mut self, progress: &str) -> Result<bool, DocError> {
        let kernel = self.map("kernel")?;
        let stored = self.reader().str(&kernel, "launch_progress");
        if stored.unwrap_or_default() == progress {
            return Ok(false);
        }
        self.doc.put(&kernel, "launch_progress", progress)?;
        Ok(true)
    }

    /// Writes a lifecycle; always writes.
    pub fn set_lifecycle(&mut self, lifecycle: &Lifecycle) -> Result<(), DocError> {
        let kernel = self.map("kernel")?;
        self.doc
            .put(&kernel, "lifecycle", lifecycle.lifecycle.as_str())?;
        self.doc.put(
            &kernel,
            "activity",
            lifecycle.activity.as_deref().unwrap_or_default(),
        )?;
        for key in ["status", "starting_phase"] {
            if self.reader().get(&kernel, key).is_some() {
                self.doc.delete(&kernel, key)?;
            }
        }
        Ok(())
    }

    /// Writes a lifecycle with its error; none is an empty text.
    pub fn set_lifecycle_with_error(
        &mut self,
        lifecycle: &Lifecycle,
        reason: Option<&str>,
        details: Option<&str>,
    ) -> Result<(), DocError> {
        self.set_lifecycle(lifecycle)?;
        let kernel = self.map("kernel")?;
        self.doc
            .put(&kernel, "error_reason", reason.unwrap_or_default())?;
        self.doc
            .put(&kernel, "error_details", details.unwrap_or_default())?;
        Ok(())
    }

    /// Writes `Idle`, `Busy` or `Unknown`; does nothing when it is so already.
    pub fn set_activity(&mut self, activity: &str) -> Result<bool, DocError> {
        let kernel = self.map("kernel")?;
        let reader = self.reader();
        let legacy = ["status", "starting_phase"]
            .iter()
            .any(|key| reader.get(&kernel, *key).is_some());
        if !legacy
            && reader.str(&kernel, "lifecycle").as_deref() == Some("Running")
            && reader.str(&kernel, "activity").as_deref() == Some(activity)
        {
            return Ok(false);
        }
        self.set_lifecycle(&Lifecycle::running(activity))?;
        Ok(true)
    }

    /// Writes kernel texts (`name`, `language`, `env_source`, `runtime_agent_id`) that differ.
    pub fn set_kernel_texts(&mut self, fields: &[(&str, &str)]) -> Result<bool, DocError> {
        let kernel = self.map("kernel")?;
        let mut wrote = false;
        for (key, value) in fields {
            if self.reader().str(&kernel, key).as_deref() != Some(*value) {
                self.doc.put(&kernel, *key, *value)?;
                wrote = true;
            }
        }
        Ok(wrote)
    }
}
