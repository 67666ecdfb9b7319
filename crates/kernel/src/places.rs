//! Python environments on this machine, found on disk: no interpreter is started to find them.
//!
//! Only places that every process of one account sees alike count (home, `PATH`, the working directory), so that the
//! agent, which offers an environment, and a runtime peer, which starts a kernel in it, find the same ones.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::interpreter::is_executable;

/// Most environments that are looked at.
pub(crate) const MAX_ENVIRONMENTS: usize = 24;
/// Most entries of one folder that are looked at.
const MAX_ENTRIES: usize = 256;
/// Longest list of conda's environments that is read.
const MAX_LIST_BYTES: u64 = 64 * 1024;
/// Names under which projects keep an environment of their own.
const PROJECT_VENVS: [&str; 3] = [".venv", "venv", "env"];
/// Where conda and its kin are installed, below home and the system's root.
const CONDA_ROOTS: [&str; 8] = [
    "miniconda3",
    "anaconda3",
    "miniforge3",
    "mambaforge",
    "micromamba",
    ".conda",
    "conda",
    ".local/share/mamba",
];
/// Longest part of a name that comes from a folder's.
const LABEL_CHARS: usize = 40;

/// Who made an environment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// The operating system, or somebody by hand.
    System,
    /// `python -m venv` and its kin.
    Venv,
    /// uv: an environment or an interpreter.
    Uv,
    /// conda, mamba, micromamba.
    Conda,
    /// pixi.
    Pixi,
    /// pyenv: an interpreter.
    Pyenv,
}

impl Source {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Venv => "venv",
            Self::Uv => "uv",
            Self::Conda => "conda",
            Self::Pixi => "pixi",
            Self::Pyenv => "pyenv",
        }
    }
}

/// An environment with an interpreter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Environment {
    /// Who made it.
    pub source: Source,
    /// What a person calls it: a folder's name, or the interpreter's path.
    pub label: String,
    /// Its folder.
    pub prefix: PathBuf,
    /// Its interpreter.
    pub python: PathBuf,
}

impl Environment {
    /// Looks at an environment's folder; `None` when there is no interpreter in it.
    pub fn at(prefix: &Path) -> Option<Self> {
        let candidates = ["python", "python3"].map(|name| prefix.join("bin").join(name));
        let python = candidates.into_iter().find(|path| is_executable(path))?;
        Some(Self::of(prefix.to_owned(), python))
    }

    /// The environment that an interpreter belongs to.
    pub fn of_interpreter(python: &Path) -> Option<Self> {
        let prefix = python.parent()?.parent()?;
        is_executable(python).then(|| Self::of(prefix.to_owned(), python.to_owned()))
    }

    fn of(prefix: PathBuf, python: PathBuf) -> Self {
        let source = source(&prefix);
        let label = match source {
            Source::System => python.display().to_string(),
            _ => label(&prefix),
        };
        Self {
            source,
            label,
            prefix,
            python,
        }
    }

    /// What stays the same however it was found: links resolved, but not those of a virtual environment's interpreter.
    pub(crate) fn identity(&self) -> PathBuf {
        let place = match self.source {
            Source::System => &self.python,
            _ => &self.prefix,
        };
        place.canonicalize().unwrap_or_else(|_| place.clone())
    }

    /// The part of a kernel's name that tells this environment from all others here.
    pub(crate) fn tag(&self) -> String {
        let word = self.label.chars().map(|c| match c.to_ascii_lowercase() {
            c if c.is_ascii_alphanumeric() || matches!(c, '.' | '_') => c,
            _ => '-',
        });
        let word: String = word.take(LABEL_CHARS).collect();
        let hash = fnv(self.identity().as_os_str().as_encoded_bytes());
        format!(
            "{}-{}-{hash:08x}",
            self.source.as_str(),
            word.trim_matches('-')
        )
    }
}

/// Whether a kernel's name could end with a [`Environment::tag`].
pub(crate) fn may_be_tagged(name: &str) -> bool {
    name.rsplit_once('-').is_some_and(|(_, hash)| {
        hash.len() == 8 && hash.bytes().all(|byte| byte.is_ascii_hexdigit())
    })
}

/// FNV-1a: names must be the same in every version of this program.
fn fnv(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811c_9dc5, |hash, byte| {
        (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193)
    })
}

fn source(prefix: &Path) -> Source {
    let within = |parent: &str| prefix.parent().is_some_and(|above| above.ends_with(parent));
    if prefix.join("conda-meta").is_dir() {
        return if within(".pixi/envs") {
            Source::Pixi
        } else {
            Source::Conda
        };
    }
    match std::fs::read_to_string(prefix.join("pyvenv.cfg")) {
        Ok(text) if text.lines().any(|line| line.starts_with("uv ")) => Source::Uv,
        Ok(_) => Source::Venv,
        Err(_) if within("uv/python") => Source::Uv,
        Err(_) if within(".pyenv/versions") => Source::Pyenv,
        Err(_) => Source::System,
    }
}

/// The folder's name, or its project's where the folder is called as every project calls it.
fn label(prefix: &Path) -> String {
    let name = |path: Option<&Path>| {
        let name = path.and_then(Path::file_name).unwrap_or_default();
        name.to_string_lossy().into_owned()
    };
    let own = name(Some(prefix));
    let parent = prefix.parent();
    if PROJECT_VENVS.contains(&own.as_str()) {
        return name(parent);
    }
    if own == "default" && parent.is_some_and(|parent| parent.ends_with(".pixi/envs")) {
        return name(prefix.ancestors().nth(3));
    }
    if prefix.join("condabin").is_dir() {
        return "base".to_owned();
    }
    own
}

/// The environments of this account, the one of `python` first; at most [`MAX_ENVIRONMENTS`].
pub(crate) fn find(
    python: Option<&Path>,
    working_dir: &Path,
    variable: impl Fn(&str) -> Option<OsString>,
) -> Vec<Environment> {
    let mut found = Vec::new();
    let mut known = BTreeSet::new();
    let mut add = |environment: Option<Environment>| {
        if let Some(environment) = environment
            && found.len() < MAX_ENVIRONMENTS
            && known.insert(environment.identity())
        {
            found.push(environment);
        }
    };
    add(python.and_then(Environment::of_interpreter));
    for project in std::iter::once(working_dir.to_owned()).chain(folders(working_dir)) {
        for name in PROJECT_VENVS {
            let venv = project.join(name);
            add(Some(&venv)
                .filter(|venv| venv.join("pyvenv.cfg").is_file())
                .and_then(|venv| Environment::at(venv)));
        }
        for dir in folders(&project.join(".pixi/envs")) {
            add(Environment::at(&dir));
        }
    }
    let home = variable("HOME").map(PathBuf::from);
    if let Some(home) = &home {
        let data =
            variable("XDG_DATA_HOME").map_or_else(|| home.join(".local/share"), PathBuf::from);
        for dir in conda_environments(home) {
            add(Environment::at(&dir));
        }
        let shelves = [
            home.join(".virtualenvs"),
            home.join(".pixi/envs"),
            data.join("uv/python"),
            home.join(".pyenv/versions"),
        ];
        for dir in shelves.iter().flat_map(|shelf| folders(shelf)) {
            add(Environment::at(&dir));
        }
    }
    let path = variable("PATH").unwrap_or_default();
    let dirs =
        std::env::split_paths(&path).filter(|dir| dir.is_absolute() && !dir.ends_with("shims"));
    for dir in dirs.take(MAX_ENTRIES) {
        let names = ["python3", "python"].map(|name| dir.join(name));
        add(names
            .iter()
            .find_map(|python| Environment::of_interpreter(python)));
    }
    found
}

/// What conda noted, and what lies where it is usually installed.
fn conda_environments(home: &Path) -> Vec<PathBuf> {
    let list = home.join(".conda/environments.txt");
    let fits = list
        .metadata()
        .is_ok_and(|meta| meta.len() <= MAX_LIST_BYTES);
    let noted = fits.then(|| std::fs::read_to_string(list).unwrap_or_default());
    let noted = noted.unwrap_or_default();
    let mut dirs: Vec<PathBuf> = noted
        .lines()
        .map(|line| PathBuf::from(line.trim()))
        .collect();
    for root in CONDA_ROOTS
        .iter()
        .flat_map(|root| [home.join(root), Path::new("/opt").join(root)])
    {
        let within = folders(&root.join("envs"));
        dirs.push(root);
        dirs.extend(within);
    }
    dirs.retain(|dir| dir.is_absolute() && dir.join("conda-meta").is_dir());
    dirs
}

/// The folders in a folder, by name; none when it cannot be read.
fn folders(dir: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    let mut found: Vec<PathBuf> = entries
        .take(MAX_ENTRIES)
        .map(|entry| entry.path())
        .filter(|path| path.is_dir())
        .collect();
    found.sort();
    found
}

#[cfg(test)]
pub(crate) mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    /// A folder that looks like an environment with an interpreter.
    pub(crate) fn environment(prefix: &Path, marks: &[(&str, &str)]) {
        std::fs::create_dir_all(prefix.join("bin")).unwrap();
        let python = prefix.join("bin/python");
        std::fs::write(&python, "#!/bin/sh\n").unwrap();
        std::fs::set_permissions(&python, std::fs::Permissions::from_mode(0o755)).unwrap();
        for (name, text) in marks {
            let path = prefix.join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
    }

    #[test]
    fn environments_of_every_kind_are_found_once_and_named_apart() {
        let place = tempfile::tempdir().unwrap();
        let (home, work) = (place.path().join("home"), place.path().join("work"));
        let conda = ("conda-meta/history", "");
        environment(
            &work.join(".venv"),
            &[("pyvenv.cfg", "home = /usr/bin\nuv = 0.9.1\n")],
        );
        environment(
            &work.join("paper/.venv"),
            &[("pyvenv.cfg", "home = /usr/bin\n")],
        );
        environment(&work.join("paper/.pixi/envs/default"), &[conda]);
        environment(&home.join("miniforge3"), &[conda, ("condabin/conda", "")]);
        environment(&home.join("miniforge3/envs/sci"), &[conda]);
        environment(&home.join("elsewhere/old"), &[conda]);
        environment(
            &home.join(".virtualenvs/lab"),
            &[("pyvenv.cfg", "home = /usr/bin\n")],
        );
        environment(&home.join(".local/share/uv/python/cpython-3.13"), &[]);
        environment(&home.join(".pyenv/versions/3.12.1"), &[]);
        environment(&place.path().join("usr"), &[]);
        std::fs::create_dir_all(home.join(".conda")).unwrap();
        let listed = format!("{}\n/nowhere\n", home.join("elsewhere/old").display());
        std::fs::write(home.join(".conda/environments.txt"), listed).unwrap();
        symlink(
            place.path().join("usr/bin/python"),
            place.path().join("usr/bin/python3"),
        )
        .unwrap();
        // Not an environment: nothing marks it.
        environment(&work.join("env"), &[]);
        let variable = |name: &str| match name {
            "HOME" => Some(home.clone().into_os_string()),
            "PATH" => Some(place.path().join("usr/bin").into_os_string()),
            _ => None,
        };
        let default = work.join(".venv/bin/python");
        let found = find(Some(&default), &work, variable);
        let shown: Vec<(&str, &str)> = found
            .iter()
            .map(|found| (found.source.as_str(), found.label.as_str()))
            .collect();
        let system = place.path().join("usr/bin/python3").display().to_string();
        let expected = [
            ("uv", "work"),
            ("venv", "paper"),
            ("pixi", "paper"),
            ("conda", "old"),
            ("conda", "base"),
            ("conda", "sci"),
            ("venv", "lab"),
            ("uv", "cpython-3.13"),
            ("pyenv", "3.12.1"),
            ("system", system.as_str()),
        ];
        assert_eq!(shown, expected);
        let tags: BTreeSet<String> = found.iter().map(Environment::tag).collect();
        assert_eq!(tags.len(), expected.len());
        for tag in tags {
            assert!(may_be_tagged(&tag) && tag.len() <= 64, "{tag}");
            assert!(
                tag.bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b)),
                "{tag}"
            );
        }
        for name in ["python3", "bash", "conda-env-x-py", "ir-0123456z"] {
            assert!(!may_be_tagged(name), "{name}");
        }
    }

    #[test]
    fn a_machine_with_very_many_environments_shows_some() {
        let place = tempfile::tempdir().unwrap();
        for index in 0..60 {
            environment(
                &place.path().join(format!("p{index:02}/.venv")),
                &[("pyvenv.cfg", "")],
            );
        }
        assert_eq!(find(None, place.path(), |_| None).len(), MAX_ENVIRONMENTS);
    }

    #[test]
    fn names_do_not_change_with_versions_of_this_program() {
        assert_eq!(fnv(b""), 0x811c_9dc5);
        assert_eq!(fnv(b"foobar"), 0xbf9c_f968);
    }
}
