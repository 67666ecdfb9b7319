//! Installed kernels: the `kernel.json` files in Jupyter's data folders.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;

use crate::failure::{FailureClass, LaunchFailure};
use crate::python_environment;
use crate::spec::{InterruptMode, LaunchSpec};

/// Largest `kernel.json` that is read.
const MAX_SPEC_BYTES: u64 = 1024 * 1024;

/// One installed kernel.
#[derive(Debug, Clone, PartialEq)]
pub struct Kernelspec {
    /// Its name: the folder's, in lower case.
    pub name: String,
    /// Its folder.
    pub dir: PathBuf,
    /// What a person calls it.
    pub display_name: String,
    /// Its language.
    pub language: String,
    argv: Vec<String>,
    env: BTreeMap<String, String>,
    interrupt_mode: InterruptMode,
    /// What starts it instead of a plain process, if its description asks for that.
    provisioner: Option<String>,
}

/// Why a `kernel.json` describes no kernel.
#[derive(Debug, thiserror::Error)]
enum Unusable {
    #[error("it cannot be read: {0}")]
    Io(#[from] std::io::Error),
    #[error("it is not as Jupyter describes kernels: {0}")]
    Json(#[from] serde_json::Error),
    #[error("it is larger than {} MiB", MAX_SPEC_BYTES >> 20)]
    TooLarge,
    #[error("its `argv` is empty")]
    NoCommand,
}

/// The provisioner that every description means which names none.
const LOCAL_PROVISIONER: &str = "local-provisioner";

#[derive(Deserialize)]
struct File {
    argv: Vec<String>,
    #[serde(default)]
    display_name: String,
    #[serde(default)]
    language: String,
    #[serde(default)]
    env: BTreeMap<String, Value>,
    #[serde(default)]
    interrupt_mode: Option<String>,
    #[serde(default)]
    metadata: Value,
}

impl Kernelspec {
    /// Reads `kernel.json` in a folder; `None` when there is none.
    fn read(dir: &Path) -> Option<Result<Self, Unusable>> {
        let name = dir.file_name()?.to_str()?.to_lowercase();
        let path = dir.join("kernel.json");
        let length = path.metadata().ok()?.len();
        Some(Self::read_file(dir, name, &path, length))
    }

    fn read_file(dir: &Path, name: String, path: &Path, length: u64) -> Result<Self, Unusable> {
        if length > MAX_SPEC_BYTES {
            return Err(Unusable::TooLarge);
        }
        let file: File = serde_json::from_slice(&std::fs::read(path)?)?;
        if file.argv.is_empty() {
            return Err(Unusable::NoCommand);
        }
        let text = |(name, value): (String, Value)| Some((name, value.as_str()?.to_owned()));
        Ok(Self {
            display_name: if file.display_name.is_empty() {
                name.clone()
            } else {
                file.display_name
            },
            name,
            dir: dir.to_owned(),
            language: file.language,
            argv: file.argv,
            env: file.env.into_iter().filter_map(text).collect(),
            interrupt_mode: match file.interrupt_mode.as_deref() {
                Some("message") => InterruptMode::Message,
                _ => InterruptMode::Signal,
            },
            provisioner: file.metadata["kernel_provisioner"]["provisioner_name"]
                .as_str()
                .filter(|name| !matches!(*name, "" | LOCAL_PROVISIONER))
                .map(str::to_owned),
        })
    }

    /// What to start for it, by Jupyter's rules: a bare `python` of its command is `python`, if given, `{prefix}` is
    /// that Python's prefix, and `${NAME}` in its variables is a variable of ours.
    pub fn launch_spec(
        &self,
        cwd: &Path,
        python: Option<&Path>,
        variable: impl Fn(&str) -> Option<OsString>,
    ) -> LaunchSpec {
        let mut argv = self.argv.clone();
        if let Some(python) = python.filter(|_| is_bare_python(&argv[0])) {
            argv[0] = python.to_string_lossy().into_owned();
        }
        if let Some(prefix) = python.and_then(|python| python.parent()?.parent()) {
            for part in &mut argv {
                *part = part.replace("{prefix}", &prefix.to_string_lossy());
            }
        }
        let mut env =
            python_environment::activation(Path::new(&argv[0]), variable("PATH").as_deref());
        for (name, value) in &self.env {
            let value = substituted(value, |name| {
                Some(variable(name)?.to_string_lossy().into_owned())
            });
            env.insert(name.clone(), value);
        }
        LaunchSpec {
            argv,
            cwd: cwd.to_owned(),
            env,
            interrupt_mode: self.interrupt_mode,
            resource_dir: Some(self.dir.clone()),
            kernelspec: Some(self.name.clone()),
            process_memory: None,
            ipc: self.is_ipykernel(),
            env_source: None,
            in_use: None,
        }
    }

    /// Whether it is ipykernel in an interpreter here; one that a container or a wrapper starts is not.
    pub(crate) fn is_ipykernel(&self) -> bool {
        const MODULES: [&str; 2] = ["ipykernel_launcher", "ipykernel"];
        let program = self.argv.first().map(Path::new).and_then(Path::file_name);
        let is_python = program.is_some_and(|name| name.as_encoded_bytes().starts_with(b"python"));
        let mut pairs = self.argv.windows(2);
        is_python && pairs.any(|pair| pair[0] == "-m" && MODULES.contains(&pair[1].as_str()))
    }
}

/// A text with `${NAME}` and `$NAME` filled in; what is not known stays, `$$` is a dollar sign.
fn substituted(text: &str, known: impl Fn(&str) -> Option<String>) -> String {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        out.push_str(before);
        if let Some(after) = after.strip_prefix('$') {
            out.push('$');
            rest = after;
            continue;
        }
        let braced = after.strip_prefix('{').and_then(|inner| {
            let (name, behind) = inner.split_once('}')?;
            name.chars().all(is_name).then_some((name, behind))
        });
        let (name, behind) = braced.unwrap_or_else(|| {
            let end = after.find(|c| !is_name(c)).unwrap_or(after.len());
            after.split_at(end)
        });
        if let Some(value) = known(name).filter(|_| !name.is_empty()) {
            out.push_str(&value);
        } else {
            out.push('$');
            out.push_str(&after[..after.len() - behind.len()]);
        }
        rest = behind;
    }
    out.push_str(rest);
    out
}

/// Whether a program is `python`, `python3` or `python3.12`, without a folder.
fn is_bare_python(program: &str) -> bool {
    let version = program.strip_prefix("python");
    version.is_some_and(|version| version.chars().all(|c| c.is_ascii_digit() || c == '.'))
}

/// Most names of installed kernels in one message.
const SHOWN_NAMES: usize = 20;

/// What to start for a kernel of this name, found in the data folders that belong to the interpreter and this
/// process; the failure names what is installed and how to install the missing one.
pub fn find(
    name: &str,
    python: Option<&Path>,
    cwd: &Path,
    variable: impl Fn(&str) -> Option<OsString>,
) -> Result<LaunchSpec, LaunchFailure> {
    let dirs = data_dirs(python, &variable);
    let installed = list(&dirs);
    let wanted = name.to_lowercase();
    if let Some(found) = installed.iter().find(|spec| spec.name == wanted) {
        return match &found.provisioner {
            Some(provisioner) => Err(needs_provisioner(found, provisioner)),
            None => Ok(found.launch_spec(cwd, python, variable)),
        };
    }
    if let Some(failure) = unusable(&wanted, &dirs) {
        return Err(failure);
    }
    let names: Vec<&str> = installed
        .iter()
        .take(SHOWN_NAMES)
        .map(|spec| spec.name.as_str())
        .collect();
    let has = match names.as_slice() {
        [] => "no kernel is installed".to_owned(),
        names => format!("installed are: {}", names.join(", ")),
    };
    let what = format!(
        "the notebook asks for the kernel `{name}`, which this machine does not have; {has}"
    );
    let mut failure = LaunchFailure::new(FailureClass::Misconfiguration, what);
    failure.hint = Some(
        "install that kernel on this machine for the account that its kernels run as, or choose an installed one or \
         `python3`"
            .to_owned(),
    );
    Err(failure)
}

/// Why the kernel of a name is not installed although there is a `kernel.json` for it.
fn unusable(wanted: &str, data_dirs: &[PathBuf]) -> Option<LaunchFailure> {
    let (dir, cause) = folders(data_dirs).find_map(|dir| {
        let is_it = dir.file_name()?.to_str()?.to_lowercase() == wanted;
        let cause = is_it.then(|| Kernelspec::read(&dir))??.err()?;
        Some((dir, cause))
    })?;
    let path = dir.join("kernel.json");
    let what = format!(
        "the kernel `{wanted}` cannot be started from `{}`: {cause}",
        path.display()
    );
    let mut failure = LaunchFailure::new(FailureClass::Misconfiguration, what);
    failure.hint = Some("mend that file or install the kernel again".to_owned());
    Some(failure)
}

fn needs_provisioner(spec: &Kernelspec, provisioner: &str) -> LaunchFailure {
    let what = format!(
        "the kernel `{}` is started by the provisioner `{provisioner}`, a plugin of Jupyter Server; here kernels are \
         processes of this machine",
        spec.name
    );
    let mut failure = LaunchFailure::new(FailureClass::Unsupported, what);
    failure.hint = Some(
        "choose another kernel for the notebook, or take `kernel_provisioner` out of its kernel.json".to_owned(),
    );
    failure
}

/// Jupyter's data folders, first wins: `JUPYTER_PATH`, the user's, the interpreter's prefix, the system's, IPython's
/// own. The prefix of an environment that was made on purpose comes before the user's.
pub fn data_dirs(
    python: Option<&Path>,
    variable: impl Fn(&str) -> Option<OsString>,
) -> Vec<PathBuf> {
    let prefix = python.and_then(|python| python.parent()?.parent());
    let own = prefix.map(|prefix| prefix.join("share/jupyter"));
    let own_first = match variable("JUPYTER_PREFER_ENV_PATH") {
        Some(asked) => !matches!(asked.to_string_lossy().as_ref(), "" | "0" | "no" | "false"),
        None => python.is_some_and(python_environment::is_isolated),
    };
    let mut dirs = Vec::new();
    if let Some(path) = variable("JUPYTER_PATH") {
        dirs.extend(std::env::split_paths(&path).filter(|dir| !dir.as_os_str().is_empty()));
    }
    dirs.extend(own.clone().filter(|_| own_first));
    let home = variable("HOME").map(PathBuf::from);
    if let Some(dir) = variable("JUPYTER_DATA_DIR") {
        dirs.push(PathBuf::from(dir));
    } else if let Some(home) = &home {
        let data =
            variable("XDG_DATA_HOME").map_or_else(|| home.join(".local/share"), PathBuf::from);
        let mac = home.join("Library/Jupyter");
        dirs.push(if cfg!(target_os = "macos") {
            mac
        } else {
            data.join("jupyter")
        });
    }
    dirs.extend(own.filter(|_| !own_first));
    dirs.extend(["/usr/local/share/jupyter", "/usr/share/jupyter"].map(PathBuf::from));
    let ipython = variable("IPYTHONDIR").map(PathBuf::from);
    dirs.extend(ipython.or_else(|| Some(home?.join(".ipython"))));
    dirs
}

/// Every kernel in those folders, by name; a name found twice is the first one.
pub fn list(data_dirs: &[PathBuf]) -> Vec<Kernelspec> {
    let mut found: BTreeMap<String, Kernelspec> = BTreeMap::new();
    for spec in folders(data_dirs).filter_map(|dir| Kernelspec::read(&dir)?.ok()) {
        found.entry(spec.name.clone()).or_insert(spec);
    }
    found.into_values().collect()
}

/// Every folder that may describe a kernel.
fn folders(data_dirs: &[PathBuf]) -> impl Iterator<Item = PathBuf> {
    data_dirs
        .iter()
        .filter_map(|dir| std::fs::read_dir(dir.join("kernels")).ok())
        .flat_map(|entries| entries.flatten().map(|entry| entry.path()))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{data_dirs, find, is_bare_python, list, substituted};
    use crate::failure::FailureClass;
    use crate::spec::InterruptMode;

    fn install(data: &Path, name: &str, json: &str) {
        let dir = data.join("kernels").join(name);
        std::fs::create_dir_all(&dir).unwrap();
        std::fs::write(dir.join("kernel.json"), json).unwrap();
    }

    #[test]
    fn a_kernel_in_a_container_is_none_of_the_interpreters_here() {
        for (argv, is_here) in [
            (
                "/opt/py/bin/python3.12 -m ipykernel_launcher -f {connection_file}",
                true,
            ),
            (
                "python -Xfrozen_modules=off -m ipykernel -f {connection_file}",
                true,
            ),
            (
                "docker run -v {connection_file}:/spec py python -m ipykernel_launcher -f /spec",
                false,
            ),
            (
                "apptainer exec img.sif python -m ipykernel_launcher -f {connection_file}",
                false,
            ),
            (
                "python -m remote --cmd=ipykernel -f {connection_file}",
                false,
            ),
        ] {
            let place = tempfile::tempdir().unwrap();
            let argv: Vec<&str> = argv.split(' ').collect();
            let json = serde_json::json!({ "argv": argv }).to_string();
            install(place.path(), "k", &json);
            let spec = &list(&[place.path().to_owned()])[0];
            assert_eq!(spec.is_ipykernel(), is_here, "{argv:?}");
        }
    }

    #[test]
    fn kernels_are_found_and_the_first_of_a_name_wins() {
        let (user, system) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        install(
            user.path(),
            "R",
            r#"{"argv":["R","{connection_file}"],"display_name":"mine"}"#,
        );
        install(
            system.path(),
            "r",
            r#"{"argv":["R"],"display_name":"theirs"}"#,
        );
        install(
            system.path(),
            "deno",
            r#"{"argv":["deno","{connection_file}"],"language":"typescript",
                "interrupt_mode":"message","env":{"A":"b","N":1}}"#,
        );
        install(system.path(), "broken", "{");
        install(system.path(), "empty", r#"{"argv":[]}"#);
        let found = list(&[user.path().to_owned(), system.path().to_owned()]);
        let names: Vec<_> = found.iter().map(|spec| spec.name.as_str()).collect();
        assert_eq!(names, ["deno", "r"]);
        assert_eq!(found[1].display_name, "mine");
        let python = Some(Path::new("/venv/bin/python"));
        let deno = found[0].launch_spec(Path::new("/"), python, |_| None);
        assert_eq!(deno.interrupt_mode, InterruptMode::Message);
        assert_eq!(deno.env.len(), 1);
        assert!(!deno.ipc);
        assert_eq!(deno.command_line(Path::new("/c.json")), ["deno", "/c.json"]);
    }

    #[test]
    fn a_kernel_is_found_by_name_and_one_that_is_missing_is_explained() {
        let place = tempfile::tempdir().unwrap();
        let json = r#"{"argv":["python3.12","-m","ipykernel_launcher","-f","{connection_file}"]}"#;
        install(place.path(), "Science", json);
        let python = Path::new("/nowhere/bin/python");
        let search = |name| {
            find(name, Some(python), Path::new("/"), |variable| {
                (variable == "JUPYTER_PATH").then(|| place.path().into())
            })
        };
        let found = search("science").unwrap();
        assert_eq!(found.argv[0], "/nowhere/bin/python");
        assert_eq!(found.kernelspec.as_deref(), Some("science"));
        assert!(found.ipc);
        let details = search("ir").unwrap_err().details();
        assert!(
            details.contains("`ir`") && details.contains("science"),
            "{details}"
        );
        assert!(details.contains("Hint: install that kernel"), "{details}");
        for (program, bare) in [
            ("python", true),
            ("python3.12", true),
            ("python-x", false),
            ("/bin/python", false),
            ("R", false),
        ] {
            assert_eq!(is_bare_python(program), bare, "{program}");
        }
    }

    #[test]
    fn a_description_is_filled_in_as_jupyter_does() {
        let place = tempfile::tempdir().unwrap();
        let json = r#"{"argv":["python","{prefix}/x","{resource_dir}/y"],"env":{"A":"${HOME}:$NOT:$$1"},
            "metadata":{"kernel_provisioner":{"provisioner_name":"local-provisioner"}}}"#;
        install(place.path(), "filled", json);
        let far = r#"{"argv":["x"],"metadata":{"kernel_provisioner":{"provisioner_name":"yarn"}}}"#;
        install(place.path(), "far", far);
        let look = |name: &str| match name {
            "JUPYTER_PATH" => Some(place.path().into()),
            "HOME" => Some("/home/ada".into()),
            _ => None,
        };
        let python = Some(Path::new("/opt/py/bin/python"));
        let filled = find("filled", python, Path::new("/"), look).unwrap();
        assert_eq!(filled.env["A"], "/home/ada:$NOT:$1");
        let command = filled.command_line(Path::new("/c.json"));
        let resource = place.path().join("kernels/filled/y");
        assert_eq!(
            command,
            [
                "/opt/py/bin/python",
                "/opt/py/x",
                resource.to_str().unwrap()
            ]
        );
        let refused = find("far", python, Path::new("/"), look).unwrap_err();
        assert_eq!(refused.class, FailureClass::Unsupported);
        assert!(refused.message.contains("`yarn`"), "{refused}");
        for (text, expected) in [
            ("$", "$"),
            ("a${", "a${"),
            ("${X Y}", "${X Y}"),
            ("$X-${X}", "1-1"),
            ("$$X", "$X"),
        ] {
            let filled = substituted(text, |name| (name == "X").then(|| "1".to_owned()));
            assert_eq!(filled, expected, "{text}");
        }
    }

    // It was said that the machine does not have it.
    #[test]
    fn a_kernel_whose_description_is_broken_is_named_with_the_reason() {
        let place = tempfile::tempdir().unwrap();
        install(place.path(), "Torn", r#"{"argv": ["x""#);
        install(place.path(), "empty", r#"{"argv": []}"#);
        install(place.path(), "typed", r#"{"argv": "x"}"#);
        let look =
            |name: &str| (name == "JUPYTER_PATH").then(|| place.path().to_owned().into_os_string());
        for (name, reason) in [
            ("torn", "EOF while parsing"),
            ("empty", "`argv` is empty"),
            ("typed", "invalid type"),
        ] {
            let refused = find(name, None, Path::new("/"), look).unwrap_err();
            let details = refused.details();
            for part in [&format!("`{name}`"), "kernel.json`: ", reason, "\nHint: "] {
                assert!(details.contains(part), "{details}");
            }
            assert!(!details.contains("does not have"), "{details}");
        }
    }

    #[test]
    fn data_folders_come_in_jupyters_order() {
        let look = |python: &Path, prefer: Option<&str>| -> Vec<String> {
            let dirs = data_dirs(Some(python), |name| match name {
                "JUPYTER_PATH" => Some("/a::/b".into()),
                "HOME" => Some("/home/ada".into()),
                "XDG_DATA_HOME" => Some("/data".into()),
                "JUPYTER_PREFER_ENV_PATH" => prefer.map(Into::into),
                _ => None,
            });
            let shown = dirs.iter().map(|dir| dir.to_string_lossy().into_owned());
            shown.collect()
        };
        let expected = [
            "/a",
            "/b",
            "/data/jupyter",
            "/opt/share/jupyter",
            "/usr/local/share/jupyter",
            "/usr/share/jupyter",
            "/home/ada/.ipython",
        ];
        if cfg!(not(target_os = "macos")) {
            assert_eq!(look(Path::new("/opt/bin/python"), None), expected);
        }
        let first = look(Path::new("/opt/bin/python"), Some("1"));
        assert_eq!(first[2], "/opt/share/jupyter");
        let place = tempfile::tempdir().unwrap();
        std::fs::write(place.path().join("pyvenv.cfg"), "").unwrap();
        let own = place.path().join("share/jupyter");
        let python = place.path().join("bin/python");
        assert_eq!(look(&python, None)[2], own.to_string_lossy());
        assert_eq!(look(&python, Some("0"))[3], own.to_string_lossy());
    }
}
