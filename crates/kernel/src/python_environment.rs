//! Python environments of every make (venv, uv, conda, pixi): what is set while one is active, and conda's by name.
//!
//! A kernel in an environment sees it as if a person had activated it: its programs come first on `PATH`, so that
//! `!pip` and `subprocess` mean the same packages as `import`. Shell scripts of an activation are not run.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

/// Largest file of an environment that is read.
const MAX_FILE_BYTES: u64 = 1024 * 1024;
/// Where conda is usually installed below a home folder.
const CONDA_FOLDERS: [&str; 6] = [
    "miniconda3",
    "miniforge3",
    "mambaforge",
    "anaconda3",
    "micromamba",
    ".conda",
];

/// How an environment was made, as far as it matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Make {
    /// By `venv`, `virtualenv` or uv.
    Venv,
    /// By conda, mamba or pixi.
    Conda,
}

/// The environment that an interpreter belongs to; a system's own Python belongs to none.
fn environment_of(python: &Path) -> Option<(&Path, Make)> {
    let prefix = python.parent()?.parent()?;
    if prefix.join("pyvenv.cfg").is_file() {
        Some((prefix, Make::Venv))
    } else if prefix.join("conda-meta").is_dir() {
        Some((prefix, Make::Conda))
    } else {
        None
    }
}

/// Whether an interpreter belongs to an environment that was made on purpose, whose kernels come before the user's.
pub(crate) fn is_isolated(python: &Path) -> bool {
    match environment_of(python) {
        Some((_, Make::Venv)) => true,
        // The base environment, which holds `condabin`, is everybody's.
        Some((prefix, Make::Conda)) => !prefix.join("condabin").is_dir(),
        None => false,
    }
}

/// The variables that the interpreter's environment sets while it is active; `path` is the `PATH` they build on.
pub(crate) fn activation(python: &Path, path: Option<&OsStr>) -> BTreeMap<String, String> {
    let Some((prefix, make)) = environment_of(python) else {
        return BTreeMap::new();
    };
    let mut variables = BTreeMap::new();
    let mut set = |name: &str, value: String| variables.insert(name.to_owned(), value);
    let folder = prefix.to_string_lossy().into_owned();
    match make {
        Make::Venv => {
            set("VIRTUAL_ENV", folder);
        }
        Make::Conda => {
            set("CONDA_DEFAULT_ENV", conda_name(prefix));
            set("CONDA_PREFIX", folder);
            for (name, value) in conda_variables(prefix) {
                set(&name, value);
            }
        }
    }
    let programs = prefix.join("bin");
    let before = path.into_iter().flat_map(std::env::split_paths);
    let rest = before.filter(|folder| *folder != programs);
    let whole = std::env::join_paths([programs.clone()].into_iter().chain(rest));
    // Only a folder with a colon in its name cannot be on a PATH.
    if let Some(whole) = whole.ok().and_then(|whole| whole.into_string().ok()) {
        set("PATH", whole);
    }
    variables
}

fn conda_name(prefix: &Path) -> String {
    let is_named = prefix.parent().is_some_and(|dir| dir.ends_with("envs"));
    match prefix.file_name() {
        Some(name) if is_named => name.to_string_lossy().into_owned(),
        _ if prefix.join("condabin").is_dir() => "base".to_owned(),
        _ => prefix.to_string_lossy().into_owned(),
    }
}

/// Variables that belong to a conda environment (`conda env config vars set`, and those of packages).
fn conda_variables(prefix: &Path) -> BTreeMap<String, String> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(prefix.join("etc/conda/env_vars.d"))
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|end| end == "json"))
        .collect();
    files.sort();
    let mut found = BTreeMap::new();
    for file in files {
        found.extend(texts(&read_json(&file)));
    }
    let state = read_json(&prefix.join("conda-meta/state"));
    // conda writes an unset variable as this word.
    let set = texts(&state["env_vars"]);
    found.extend(set.filter(|(_, value)| value != "***unset***"));
    found
}

fn texts(value: &serde_json::Value) -> impl Iterator<Item = (String, String)> {
    let fields = value.as_object().into_iter().flatten();
    fields.filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())))
}

fn read_json(path: &Path) -> serde_json::Value {
    let fits = path
        .metadata()
        .is_ok_and(|meta| meta.len() <= MAX_FILE_BYTES);
    let bytes = fits.then(|| std::fs::read(path).ok()).flatten();
    bytes
        .and_then(|bytes| serde_json::from_slice(&bytes).ok())
        .unwrap_or_default()
}

/// The interpreter of the conda environment that a kernel's name stands for: `conda-env-NAME-py`, as nb_conda_kernels
/// calls it, or `conda-base-py`.
pub fn conda_python(kernel: &str, variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let wanted = kernel.to_lowercase();
    let wanted = wanted.strip_prefix("conda-")?.strip_suffix("-py")?;
    let name = match wanted {
        "root" | "base" => "base",
        other => other.strip_prefix("env-")?,
    };
    conda_prefixes(variable)
        .into_iter()
        .filter(|prefix| plain(&conda_name(prefix)) == plain(name))
        .map(|prefix| prefix.join("bin/python"))
        .find(|python| python.is_file())
}

/// A name with only what the names of kernels keep.
fn plain(name: &str) -> String {
    let keep = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
    name.to_lowercase().chars().map(keep).collect()
}

/// Every conda environment that can be found: those that conda noted, and those beside its installations.
fn conda_prefixes(variable: impl Fn(&str) -> Option<OsString>) -> Vec<PathBuf> {
    let home = variable("HOME").map(PathBuf::from);
    let noted = home.iter().flat_map(|home| {
        let file = home.join(".conda/environments.txt");
        let fits = file
            .metadata()
            .is_ok_and(|meta| meta.len() <= MAX_FILE_BYTES);
        let text = fits.then(|| std::fs::read_to_string(file).unwrap_or_default());
        let text = text.unwrap_or_default();
        let lines = text.lines().map(|line| PathBuf::from(line.trim()));
        lines.collect::<Vec<_>>()
    });
    let mut roots: Vec<PathBuf> = Vec::new();
    let active = variable("CONDA_PREFIX").map(PathBuf::from);
    roots.extend(active.iter().map(|prefix| match prefix.parent() {
        Some(dir) if dir.ends_with("envs") => dir.parent().unwrap_or(dir).to_owned(),
        _ => prefix.clone(),
    }));
    roots.extend(variable("MAMBA_ROOT_PREFIX").map(PathBuf::from));
    roots.extend(
        home.iter()
            .flat_map(|home| CONDA_FOLDERS.map(|name| home.join(name))),
    );
    roots.push("/opt/conda".into());
    let beside = roots.iter().flat_map(|root| {
        let envs = std::fs::read_dir(root.join("envs"));
        let envs = envs.into_iter().flatten().flatten();
        [root.clone()]
            .into_iter()
            .chain(envs.map(|entry| entry.path()))
    });
    let all = noted.chain(beside);
    all.filter(|prefix| prefix.join("conda-meta").is_dir())
        .collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{activation, conda_python, is_isolated};

    fn touch(path: &Path, text: &str) {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    #[test]
    fn an_environments_programs_come_first_and_once() {
        let place = tempfile::tempdir().unwrap();
        let venv = place.path().join("venv");
        touch(&venv.join("pyvenv.cfg"), "home = /usr/bin\n");
        let python = venv.join("bin/python");
        let shown = venv.to_string_lossy();
        let set = activation(&python, Some(format!("/a:{shown}/bin:/b").as_ref()));
        assert_eq!(set["PATH"], format!("{shown}/bin:/a:/b"));
        assert_eq!(set["VIRTUAL_ENV"], shown);
        assert_eq!(
            activation(&python, None)["PATH"],
            venv.join("bin").to_string_lossy()
        );
        assert!(is_isolated(&python));
        let system = place.path().join("usr/bin/python3");
        assert!(activation(&system, Some("/a".as_ref())).is_empty());
        assert!(!is_isolated(&system));
    }

    #[test]
    fn a_conda_environment_has_its_name_and_its_variables() {
        let place = tempfile::tempdir().unwrap();
        let base = place.path().join("miniforge3");
        touch(&base.join("conda-meta/history"), "");
        touch(&base.join("condabin/conda"), "");
        touch(&base.join("bin/python"), "");
        let env = base.join("envs/Geo 1");
        touch(
            &env.join("conda-meta/state"),
            r#"{"env_vars":{"A":"mine","GONE":"***unset***"}}"#,
        );
        touch(
            &env.join("etc/conda/env_vars.d/gdal.json"),
            r#"{"A":"its","GDAL_DATA":"/share"}"#,
        );
        touch(&env.join("bin/python"), "");
        let set = activation(&env.join("bin/python"), Some("/a".as_ref()));
        let of = |name: &str| set.get(name).map(String::as_str);
        assert_eq!(of("CONDA_DEFAULT_ENV"), Some("Geo 1"));
        assert_eq!(of("CONDA_PREFIX"), env.to_str());
        assert_eq!((of("A"), of("GDAL_DATA")), (Some("mine"), Some("/share")));
        assert_eq!(of("GONE"), None);
        assert_eq!(
            activation(&base.join("bin/python"), None)["CONDA_DEFAULT_ENV"],
            "base"
        );
        assert!(is_isolated(&env.join("bin/python")));
        assert!(!is_isolated(&base.join("bin/python")));
    }

    #[test]
    fn a_kernel_named_for_a_conda_environment_is_found_beside_conda_or_where_conda_noted_it() {
        let home = tempfile::tempdir().unwrap();
        let elsewhere = tempfile::tempdir().unwrap();
        let make = |prefix: &Path| {
            touch(&prefix.join("conda-meta/history"), "");
            touch(&prefix.join("bin/python"), "");
            prefix.join("bin/python")
        };
        let geo = make(&home.path().join("miniconda3/envs/geo-1"));
        let far = make(&elsewhere.path().join("envs/far"));
        let noted = format!("/gone\n{}\n", elsewhere.path().join("envs/far").display());
        touch(&home.path().join(".conda/environments.txt"), &noted);
        let find = |name: &str| {
            conda_python(name, |variable| {
                (variable == "HOME").then(|| home.path().into())
            })
        };
        assert_eq!(find("conda-env-geo_1-py"), Some(geo));
        assert_eq!(find("Conda-Env-Far-py"), Some(far));
        for unknown in [
            "conda-env-near-py",
            "conda-env-far-r",
            "conda-base-py",
            "python3",
            "conda-py",
        ] {
            assert_eq!(find(unknown), None, "{unknown}");
        }
    }
}
