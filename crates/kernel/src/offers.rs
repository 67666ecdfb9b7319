//! The kernels that a notebook can choose on this machine: installed kernelspecs, and Python environments that need
//! none.
//!
//! An environment's Python is offered under a name of its own (`python-venv-paper-1f0c22ab`), which the notebook's
//! metadata then names as it names a kernelspec; [`resolve`] finds what it stands for. Interpreters are started to ask
//! about ipykernel only when they are new or have changed.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use tokio::task::JoinSet;
use wire::http::OfferedKernel;

use crate::confinement::Confinement;
use crate::interpreter::{self, Interpreter, PROBE_WAIT};
use crate::kernelspec::{self, Kernelspec, data_dirs};
use crate::places::{self, Environment, Source};
use crate::python_environment;
use crate::spec::LaunchSpec;

/// Most kernels offered.
const MAX_OFFERS: usize = 48;
/// Interpreters that are asked at once.
const PROBES_AT_ONCE: usize = 2;
/// How long an answer counts though nothing seems to have changed.
const GOOD_FOR: Duration = Duration::from_mins(60);
/// The same for an answer that was none.
const BAD_FOR: Duration = Duration::from_mins(10);
/// Longest reason shown.
const REASON_CHARS: usize = 240;

/// What an interpreter answered, or why it did not.
type Answer = Result<Interpreter, String>;

#[derive(Debug)]
struct Asked {
    at: Instant,
    stamps: Vec<Option<SystemTime>>,
    answer: Answer,
}

/// Knows what this machine offers, and what its interpreters answered.
#[derive(Debug)]
pub struct Offers {
    python: PathBuf,
    working_dir: PathBuf,
    /// What is kept from interpreters that are asked.
    confinement: Option<Confinement>,
    asked: BTreeMap<PathBuf, Asked>,
}

impl Offers {
    /// For kernels in this folder, with the interpreter of notebooks that name none.
    pub fn new(python: PathBuf, working_dir: PathBuf, confinement: Option<Confinement>) -> Self {
        Self {
            python,
            working_dir,
            confinement,
            asked: BTreeMap::new(),
        }
    }

    /// Looks what there is now. Takes milliseconds when nothing changed, and never longer than it takes to ask
    /// the most environments there can be, none of which answers.
    pub async fn look(&mut self) -> Vec<OfferedKernel> {
        self.look_with(|name| std::env::var_os(name)).await
    }

    async fn look_with(
        &mut self,
        variable: impl Fn(&str) -> Option<OsString>,
    ) -> Vec<OfferedKernel> {
        let path = variable("PATH").unwrap_or_default();
        let home = variable("HOME").map(PathBuf::from);
        let environments = places::find(Some(&self.python), &self.working_dir, &variable);
        let installed = kernelspec::list(&data_dirs(Some(&self.python), &variable));
        let programs: Vec<Result<PathBuf, String>> = installed
            .iter()
            .map(|spec| program(spec, &self.python, &path))
            .collect();
        let of_specs = installed.iter().zip(&programs);
        let pythons = of_specs
            .filter(|(spec, _)| spec.is_ipykernel())
            .filter_map(|(_, program)| program.clone().ok());
        let wanted: BTreeSet<PathBuf> = environments
            .iter()
            .map(|environment| environment.python.clone())
            .chain(pythons)
            .collect();
        self.ask(wanted, home.as_deref()).await;
        let mut offers = Vec::new();
        let mut covered = BTreeSet::new();
        for (spec, program) in installed.iter().zip(&programs) {
            let mut offer = of_spec(spec, None);
            offer.is_default = spec.name == "python3";
            let reason = match program {
                Err(reason) => Some(reason.clone()),
                Ok(python) if spec.is_ipykernel() => {
                    covered
                        .extend(Environment::of_interpreter(python).map(|found| found.identity()));
                    self.trouble(python)
                }
                Ok(_) => None,
            };
            offers.push(with_reason(offer, reason));
        }
        for environment in &environments {
            if !covered.contains(&environment.identity()) {
                let is_default = environment.python == self.python;
                offers.push(self.of_python(environment, is_default && !has_python3(&installed)));
            }
            if environment.python != self.python {
                for spec in kernelspec::list(&[environment.prefix.join("share/jupyter")]) {
                    let program = program(&spec, &environment.python, &path);
                    if !spec.is_ipykernel() && !installed.iter().any(|known| known.dir == spec.dir)
                    {
                        offers.push(with_reason(
                            of_spec(&spec, Some(environment)),
                            program.err(),
                        ));
                    }
                }
            }
        }
        offers.truncate(MAX_OFFERS);
        offers
    }

    fn of_python(&self, environment: &Environment, is_default: bool) -> OfferedKernel {
        let version = self
            .asked
            .get(&environment.python)
            .and_then(|asked| asked.answer.as_ref().ok());
        let version = version
            .map(|found| format!(" {}", found.python))
            .unwrap_or_default();
        let offer = OfferedKernel {
            name: if is_default {
                "python3".to_owned()
            } else {
                python_name(environment)
            },
            display_name: cut(&format!("Python{version} ({})", environment.label), 160),
            language: "python".to_owned(),
            source: environment.source.as_str().to_owned(),
            environment: Some(cut(&environment.label, 160)),
            path: Some(cut(&environment.python.to_string_lossy(), 512)),
            available: true,
            reason: None,
            is_default,
        };
        with_reason(offer, self.trouble(&environment.python))
    }

    /// Why an interpreter cannot run a notebook.
    fn trouble(&self, python: &Path) -> Option<String> {
        match &self.asked.get(python)?.answer {
            Err(reason) => Some(reason.clone()),
            Ok(found) if found.ipykernel.is_some() => None,
            Ok(found) => {
                let why = found
                    .error
                    .as_deref()
                    .filter(|error| !error.contains("No module named 'ipykernel'"));
                Some(match why {
                    Some(error) => format!("its ipykernel cannot be imported: {error}"),
                    None => format!(
                        "it has no ipykernel; install it with: {}",
                        install_line(python)
                    ),
                })
            }
        }
    }

    /// Asks the interpreters that are new or have changed; forgets those that are gone.
    async fn ask(&mut self, wanted: BTreeSet<PathBuf>, home: Option<&Path>) {
        self.asked.retain(|python, _| wanted.contains(python));
        let mut due: Vec<PathBuf> = wanted
            .into_iter()
            .filter(|python| self.is_due(python, home))
            .collect();
        let mut running = JoinSet::new();
        loop {
            while running.len() < PROBES_AT_ONCE
                && let Some(python) = due.pop()
            {
                let confinement = self.confinement.clone();
                running.spawn(async move {
                    let answer =
                        interpreter::probe(&python, PROBE_WAIT, confinement.as_ref()).await;
                    (python, answer.map_err(|failure| failure.message))
                });
            }
            let Some(done) = running.join_next().await else {
                return;
            };
            if let Ok((python, answer)) = done {
                let stamps = stamps(&python, answer.as_ref().ok(), home);
                let asked = Asked {
                    at: Instant::now(),
                    stamps,
                    answer,
                };
                self.asked.insert(python, asked);
            }
        }
    }

    fn is_due(&self, python: &Path, home: Option<&Path>) -> bool {
        let Some(asked) = self.asked.get(python) else {
            return true;
        };
        let good_for = if asked.answer.is_ok() {
            GOOD_FOR
        } else {
            BAD_FOR
        };
        asked.at.elapsed() >= good_for
            || stamps(python, asked.answer.as_ref().ok(), home) != asked.stamps
    }
}

/// What installs ipykernel in the environment of an interpreter, by the tool that made it.
fn install_line(python: &Path) -> String {
    let environment = Environment::of_interpreter(python);
    let source = environment.as_ref().map(|found| found.source);
    let prefix = environment.map(|found| found.prefix).unwrap_or_default();
    match source {
        Some(Source::Uv) => format!("uv pip install --python {} ipykernel", python.display()),
        Some(Source::Conda) => format!("conda install -p {} ipykernel", prefix.display()),
        Some(Source::Pixi) => "pixi add ipykernel".to_owned(),
        _ => format!("{} -m pip install ipykernel", python.display()),
    }
}

/// When what the answer depends on was last changed: the interpreter, its packages, the person's packages for it.
fn stamps(
    python: &Path,
    answer: Option<&Interpreter>,
    home: Option<&Path>,
) -> Vec<Option<SystemTime>> {
    let mut paths = vec![python.to_owned()];
    if let Some(found) = answer {
        paths.push(found.purelib.clone());
        let minor: Vec<&str> = found.python.splitn(3, '.').take(2).collect();
        let user = format!(".local/lib/python{}/site-packages", minor.join("."));
        paths.extend(home.map(|home| home.join(user)));
    }
    let changed = |path: &PathBuf| path.metadata().and_then(|meta| meta.modified()).ok();
    paths.iter().map(changed).collect()
}

fn has_python3(installed: &[Kernelspec]) -> bool {
    installed.iter().any(|spec| spec.name == "python3")
}

fn of_spec(spec: &Kernelspec, environment: Option<&Environment>) -> OfferedKernel {
    OfferedKernel {
        name: environment.map_or_else(|| spec.name.clone(), |found| spec_name(spec, found)),
        display_name: cut(&spec.display_name, 160),
        language: cut(&spec.language.to_lowercase(), 80),
        source: environment
            .map_or("kernelspec", |found| found.source.as_str())
            .to_owned(),
        environment: environment.map(|found| cut(&found.label, 160)),
        path: Some(cut(&spec.dir.to_string_lossy(), 512)),
        available: true,
        reason: None,
        is_default: false,
    }
}

fn with_reason(mut offer: OfferedKernel, reason: Option<String>) -> OfferedKernel {
    offer.available = reason.is_none();
    offer.reason = reason.map(|reason| cut(&reason, REASON_CHARS));
    offer
}

fn cut(text: &str, chars: usize) -> String {
    text.chars().take(chars).collect()
}

/// The program of an installed kernel, or that it is missing.
fn program(spec: &Kernelspec, python: &Path, path: &OsString) -> Result<PathBuf, String> {
    let launch = spec.launch_spec(Path::new("/"), Some(python), |_| None);
    let program = Path::new(&launch.argv[0]);
    let found = if program.components().count() > 1 {
        interpreter::is_executable(program).then(|| program.to_owned())
    } else {
        let mut dirs = std::env::split_paths(path).filter(|dir| dir.is_absolute());
        dirs.find_map(|dir| Some(dir.join(program)).filter(|path| interpreter::is_executable(path)))
    };
    found.ok_or_else(|| {
        let shown = program.display();
        format!("its program `{shown}` is not there; install this kernel again")
    })
}

fn python_name(environment: &Environment) -> String {
    format!("python-{}", environment.tag())
}

fn spec_name(spec: &Kernelspec, environment: &Environment) -> String {
    format!("{}-{}", spec.name, environment.tag())
}

/// What to start for a name that [`Offers`] made for an environment; `None` when it is no such name or the environment
/// is gone.
pub fn resolve(
    name: &str,
    python: Option<&Path>,
    cwd: &Path,
    variable: impl Fn(&str) -> Option<OsString>,
) -> Option<LaunchSpec> {
    if !places::may_be_tagged(name) {
        return None;
    }
    for environment in places::find(python, cwd, &variable) {
        if !name.ends_with(&environment.tag()) {
            continue;
        }
        let mut spec = if name == python_name(&environment) {
            LaunchSpec::current_python(&environment.python, cwd)
        } else {
            let specs = kernelspec::list(&[environment.prefix.join("share/jupyter")]);
            let found = specs
                .iter()
                .find(|spec| name == spec_name(spec, &environment))?;
            found.launch_spec(cwd, Some(&environment.python), &variable)
        };
        spec.kernelspec = Some(name.to_owned());
        // Its program may lie elsewhere, as R's does.
        let path = variable("PATH");
        for (name, value) in python_environment::activation(&environment.python, path.as_deref()) {
            spec.env.entry(name).or_insert(value);
        }
        return Some(spec);
    }
    None
}

#[cfg(test)]
mod tests;
