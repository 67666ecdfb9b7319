//! Which kernel is started for a notebook on this machine.

use std::path::Path;

use documents::WantedKernelspec;
use kernel::LaunchSpec;
use kernel::{kernelspec, offers};

/// The kernel that the notebook asks for, or the interpreter's own, which also stands in for Python kernels that
/// are not installed here (names of environments on other machines); the error is for people.
pub(crate) fn launch_spec(
    wanted: Option<&WantedKernelspec>,
    python: Option<&Path>,
    working_dir: &Path,
) -> Result<LaunchSpec, String> {
    if let Some(wanted) = wanted {
        let found = kernelspec::find(&wanted.name, python, working_dir, |name| {
            std::env::var_os(name)
        });
        let offered = || {
            offers::resolve(&wanted.name, python, working_dir, |name| {
                std::env::var_os(name)
            })
        };
        match found.or_else(|missing| offered().ok_or(missing)) {
            Err(_) if python.is_some() && wanted.language == "python" => {
                tracing::info!(name = wanted.name, "not installed: the Python here runs it");
            }
            chosen => return chosen.map_err(|failure| failure.details()),
        }
    }
    let python = python.ok_or(
        "this runtime peer was given no interpreter, so it cannot start a kernel\n\
         Hint: start it with `--python-path`",
    )?;
    Ok(LaunchSpec::current_python(python, working_dir))
}
