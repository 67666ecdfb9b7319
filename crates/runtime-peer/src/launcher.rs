//! From what a notebook asks for to a kernel that can be ordered: its environment is made first when it declares one.

use std::path::PathBuf;
use std::time::Duration;

use documents::{DeclaredEnvironment, WantedKernelspec};
use kernel::confinement::Confinement;
use kernel::notebook_environment::{Declaration, cache_dir, prepare};
use kernel::{FailureClass, LaunchFailure, LaunchSpec};
use session_core::Event;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};

use crate::launch_choice::{Choice, choose};

/// Where the environment of a notebook's own comes from, in the document's words.
const FROM_SCRIPT: &str = "uv:pep723";
const FROM_METADATA: &str = "uv:inline";
/// The document's code for an environment that could not be made.
const PREPARE_FAILED: &str = "environment_prepare_failed";
/// Progress is told this often at most: each word of it is a change of the document.
const PROGRESS_EVERY: Duration = Duration::from_millis(500);

/// What follows from a launch, now or later.
#[derive(Debug)]
pub(crate) enum Step {
    /// Order this kernel.
    Order(Box<LaunchSpec>),
    /// Tell the session.
    Tell(Event),
}

/// Chooses kernels and makes their environments, one at a time.
#[derive(Debug)]
pub(crate) struct Launcher {
    python: Option<PathBuf>,
    working_dir: PathBuf,
    /// Whether notebooks may have environments of their own here.
    environments: bool,
    /// What is kept from packages that are built.
    confinement: Confinement,
    preparing: Option<Preparing>,
}

#[derive(Debug)]
struct Preparing {
    task: JoinHandle<Result<LaunchSpec, LaunchFailure>>,
    progress: watch::Receiver<String>,
    /// When the progress that is known by then is told.
    due: Option<Instant>,
}

impl Preparing {
    /// The next progress to tell. Cancel-safe.
    async fn said(progress: &mut watch::Receiver<String>, due: &mut Option<Instant>) -> String {
        let at = if let Some(at) = *due {
            at
        } else {
            if progress.changed().await.is_err() {
                // The task's end follows.
                std::future::pending::<()>().await;
            }
            *due.insert(Instant::now() + PROGRESS_EVERY)
        };
        sleep_until(at).await;
        *due = None;
        progress.borrow_and_update().clone()
    }
}

impl Drop for Preparing {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Launcher {
    pub(crate) fn new(
        python: Option<PathBuf>,
        working_dir: PathBuf,
        environments: bool,
        confinement: Confinement,
    ) -> Self {
        Self {
            python,
            working_dir,
            environments,
            confinement,
            preparing: None,
        }
    }

    /// Begins a launch; `None` when the environment has to be made first, which [`Self::next`] tells of. A launch that
    /// was being prepared is given up.
    pub(crate) fn begin(
        &mut self,
        wanted: Option<&WantedKernelspec>,
        declared: Option<DeclaredEnvironment>,
    ) -> Option<Step> {
        self.cancel();
        let choice = choose(wanted, self.python.as_deref(), &self.working_dir);
        match choice {
            Err(details) => Some(Step::Tell(Event::KernelLaunchFailed {
                reason: String::new(),
                details,
            })),
            Ok(Choice::Kernelspec(spec)) => Some(Step::Order(Box::new(spec))),
            Ok(Choice::Python(python)) => {
                let declared = declared.filter(|_| self.environments);
                let Some(declared) = declared else {
                    let spec = LaunchSpec::current_python(&python, &self.working_dir);
                    return Some(Step::Order(Box::new(spec)));
                };
                self.prepare(declared, python);
                None
            }
        }
    }

    fn prepare(&mut self, declared: DeclaredEnvironment, python: PathBuf) {
        let (sender, progress) = watch::channel("looking for the environment".to_owned());
        let working_dir = self.working_dir.clone();
        let confinement = self.confinement.clone();
        let task = tokio::spawn(async move {
            let (declaration, source) = declaration(declared)?;
            let cache = cache_dir(|name| std::env::var_os(name)).ok_or_else(|| {
                let what = "there is no folder for the environments of notebooks: neither `XDG_CACHE_HOME` nor `HOME` is set";
                LaunchFailure::new(FailureClass::Misconfiguration, what)
            })?;
            let confinement = Some(&confinement);
            let environment = prepare(&declaration, &python, &cache, confinement, &sender).await?;
            Ok(LaunchSpec::in_environment(
                environment,
                source,
                &working_dir,
            ))
        });
        self.preparing = Some(Preparing {
            task,
            progress,
            due: None,
        });
    }

    /// The next step of a launch that is being prepared; for ever pending without one. Cancel-safe.
    pub(crate) async fn next(&mut self) -> Step {
        let Some(preparing) = &mut self.preparing else {
            return std::future::pending().await;
        };
        let Preparing {
            task,
            progress,
            due,
        } = preparing;
        let ended = tokio::select! {
            biased;
            ended = task => ended,
            progress = Preparing::said(progress, due) => {
                return Step::Tell(Event::KernelPreparing { progress });
            }
        };
        self.preparing = None;
        let ended = ended.unwrap_or_else(|error| {
            let what = format!("the preparation of the environment broke off: {error}");
            Err(LaunchFailure::new(FailureClass::Other, what))
        });
        match ended {
            Ok(spec) => Step::Order(Box::new(spec)),
            Err(failure) => Step::Tell(Event::KernelLaunchFailed {
                reason: PREPARE_FAILED.to_owned(),
                details: failure.details(),
            }),
        }
    }

    /// Gives up what is being prepared; uv ends with all it started.
    pub(crate) fn cancel(&mut self) {
        self.preparing = None;
    }
}

fn declaration(
    declared: DeclaredEnvironment,
) -> Result<(Declaration, &'static str), LaunchFailure> {
    match declared {
        DeclaredEnvironment::Script(text) => Ok((Declaration::from_script(&text)?, FROM_SCRIPT)),
        DeclaredEnvironment::Uv {
            dependencies,
            requires_python,
            prerelease,
        } => {
            let mut declaration = Declaration {
                requires_python,
                dependencies,
                ..Declaration::default()
            };
            if let Some(prerelease) = prerelease {
                declaration
                    .uv
                    .insert("prerelease".to_owned(), prerelease.into());
            }
            Ok((declaration.checked()?, FROM_METADATA))
        }
    }
}
