//! Which kernel is started for a notebook on this machine.

use std::path::{Path, PathBuf};

use documents::WantedKernelspec;
use kernel::{FailureClass, LaunchSpec};
use kernel::{kernelspec, offers, python_environment};

/// What was chosen.
#[derive(Debug)]
pub(crate) enum Choice {
    /// A kernel by its name: its environment is its own.
    Kernelspec(LaunchSpec),
    /// This interpreter, or an environment of the notebook's own on top of it.
    Python(PathBuf),
}

/// The kernel that the notebook asks for: an installed one, a conda environment's Python by its name, or the
/// interpreter's own, which also stands in for Python kernels that are not installed here (names of environments on
/// other machines); the error is for people.
pub(crate) fn choose(
    wanted: Option<&WantedKernelspec>,
    python: Option<&Path>,
    working_dir: &Path,
) -> Result<Choice, String> {
    if let Some(wanted) = wanted {
        let variable = |name: &str| std::env::var_os(name);
        let failure = match kernelspec::find(&wanted.name, python, working_dir, variable) {
            Ok(spec) => return Ok(Choice::Kernelspec(spec)),
            Err(failure) => failure,
        };
        if failure.class == FailureClass::Unsupported {
            return Err(failure.details());
        }
        if let Some(spec) = offers::resolve(&wanted.name, python, working_dir, variable) {
            return Ok(Choice::Kernelspec(spec));
        }
        if let Some(conda) = python_environment::conda_python(&wanted.name, variable) {
            let kernelspec = Some(wanted.name.clone());
            let spec = LaunchSpec::current_python(&conda, working_dir);
            return Ok(Choice::Kernelspec(LaunchSpec { kernelspec, ..spec }));
        }
        if python.is_none() || wanted.language != "python" {
            return Err(failure.details());
        }
        tracing::info!(name = wanted.name, "not installed: the Python here runs it");
    }
    let python = python.ok_or(
        "there is no Python to start a kernel with\n\
         Hint: name one: `runtimed run` takes `--python`, a runtime peer `--python-path`",
    )?;
    Ok(Choice::Python(python.to_owned()))
}
