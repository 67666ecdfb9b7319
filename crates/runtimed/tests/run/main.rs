//! `runtimed run`: the same outputs as nbclient, and how it ends.
#![allow(clippy::unwrap_used)]

mod ends;
mod environments;
mod messages;
mod notebooks;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Mutex;

use notebooks::{normalised, notebook};
use serde_json::Value;
use testkit::python::test_python;

/// Runs at one time.
const AT_ONCE: usize = 3;

fn runtimed(notebook: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_runtimed"))
        .arg("run")
        .arg(notebook)
        .arg("--python")
        .arg(test_python())
        .args(arguments)
        .output()
        .unwrap()
}

fn write(folder: &Path, source: &str) -> PathBuf {
    let path = folder.join("given.ipynb");
    std::fs::write(&path, notebook(source).to_string()).unwrap();
    path
}

fn read(path: &Path) -> Value {
    wire::json::parse_strict(&std::fs::read_to_string(path).unwrap()).unwrap()
}

struct Notebook {
    name: String,
    path: PathBuf,
    allow_errors: bool,
    /// Whether nbclient itself is told to obey carriage returns and backspaces.
    is_coalesced: bool,
}

/// Makes every notebook of the sources in a folder.
fn all_notebooks(folder: &Path) -> Vec<Notebook> {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/notebooks");
    let mut made = Vec::new();
    for source in std::fs::read_dir(sources).unwrap() {
        let source = source.unwrap().path();
        let name = source.file_stem().unwrap().to_str().unwrap().to_owned();
        let notebook = notebook(&std::fs::read_to_string(&source).unwrap());
        let options = &notebook["metadata"]["nbclient"];
        let allow_errors = options["allow_errors"] == true;
        let is_coalesced = options["coalesce_streams"] == true;
        let path = folder.join(&name).with_extension("ipynb");
        std::fs::write(&path, notebook.to_string()).unwrap();
        made.push(Notebook {
            name,
            path,
            allow_errors,
            is_coalesced,
        });
    }
    made.sort_by(|a, b| a.name.cmp(&b.name));
    made
}

fn run_all(notebooks: &[Notebook]) {
    let left = Mutex::new(notebooks.iter());
    std::thread::scope(|threads| {
        for _ in 0..AT_ONCE {
            threads.spawn(|| {
                loop {
                    let Some(next) = left.lock().unwrap().next() else {
                        return;
                    };
                    let to = next.path.with_extension("actual.ipynb");
                    let mut arguments = vec!["--output", to.to_str().unwrap()];
                    if next.allow_errors {
                        arguments.push("--allow-errors");
                    }
                    let output = runtimed(&next.path, &arguments);
                    let code = output.status.code().unwrap();
                    assert!(code <= 1, "{}: {output:?}", next.name);
                }
            });
        }
    });
}

/// The first cells or metadata that differ, short enough to read.
fn difference(expected: &Value, actual: &Value) -> String {
    let shorten = |value: &Value| -> String { format!("{value:#}").chars().take(3000).collect() };
    let cells = |notebook: &Value| notebook["cells"].as_array().cloned().unwrap_or_default();
    let pairs = cells(expected).into_iter().zip(cells(actual));
    let cell = pairs
        .into_iter()
        .find(|(expected, actual)| expected != actual);
    let (expected, actual) =
        cell.unwrap_or_else(|| (expected["metadata"].clone(), actual["metadata"].clone()));
    format!(
        "nbclient: {}\nrun: {}",
        shorten(&expected),
        shorten(&actual)
    )
}

#[test]
fn outputs_are_those_of_nbclient() {
    let folder = tempfile::tempdir().unwrap();
    let notebooks = all_notebooks(folder.path());
    assert!(notebooks.len() >= 30, "{} notebooks", notebooks.len());
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/execute_with_nbclient.py");
    let nbclient = Command::new(test_python())
        .arg(script)
        .arg(folder.path())
        // What our kernels are told.
        .envs([("COLUMNS", "128"), ("LINES", "100")])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&nbclient.stderr);
    assert!(nbclient.status.success(), "{said}");
    run_all(&notebooks);
    let mut different = Vec::new();
    for notebook in &notebooks {
        let mut actual = read(&notebook.path.with_extension("actual.ipynb"));
        actual["metadata"]
            .as_object_mut()
            .unwrap()
            .remove("nbclient");
        let expected = read(&notebook.path.with_extension("expected.ipynb"));
        let (expected, actual) = (
            normalised(expected, !notebook.is_coalesced),
            normalised(actual, false),
        );
        if expected != actual {
            different.push(format!(
                "== {}\n{}",
                notebook.name,
                difference(&expected, &actual)
            ));
        }
    }
    assert!(different.is_empty(), "{}", different.join("\n"));
}

/// What `run` did with a source: exit code, stderr, the notebook it wrote.
struct Ran {
    code: Option<i32>,
    said: String,
    written: Option<Value>,
}

fn run(source: &str, arguments: &[&str]) -> Ran {
    let folder = tempfile::tempdir().unwrap();
    let to = folder.path().join("out.ipynb");
    let given = write(folder.path(), source);
    let output = runtimed(
        &given,
        &[&["--output", to.to_str().unwrap()], arguments].concat(),
    );
    Ran {
        code: output.status.code(),
        said: String::from_utf8_lossy(&output.stderr).into_owned(),
        written: to.exists().then(|| read(&to)),
    }
}

impl Ran {
    /// The text of all outputs of a cell.
    fn text(&self, cell: usize) -> String {
        self.written.as_ref().unwrap()["cells"][cell]["outputs"].to_string()
    }
}

#[test]
fn a_failed_cell_ends_the_run_and_what_ran_is_written() {
    let ran = run("# %%\nprint('one')\n# %%\n1/0\n# %%\nprint('three')", &[]);
    assert_eq!(ran.code, Some(1), "{}", ran.said);
    assert!(
        ran.said
            .contains("cell 2 failed: ZeroDivisionError: division by zero\nHint:"),
        "{}",
        ran.said
    );
    assert!(ran.text(0).contains("one") && ran.text(1).contains("Traceback"));
    assert_eq!(ran.text(2), "[]");
}

#[test]
fn a_slow_cell_is_interrupted() {
    let source =
        "# %%\nprint('before', flush=True)\nimport time\ntime.sleep(600)\n# %%\nprint('never')";
    let ran = run(source, &["--timeout", "3"]);
    assert_eq!(ran.code, Some(4), "{}", ran.said);
    assert!(
        ran.said.contains("cell 1 took longer than 3 s"),
        "{}",
        ran.said
    );
    let text = ran.text(0);
    assert!(
        text.contains("before") && text.contains("KeyboardInterrupt"),
        "{text}"
    );
    assert_eq!(ran.text(1), "[]");
}

#[test]
fn a_kernel_that_dies_or_is_missing_is_named() {
    let ran = run(
        // What the kernel has not sent yet dies with it.
        "# %%\nprint('said', flush=True)\nimport os, time\ntime.sleep(1)\nos.kill(os.getpid(), 9)",
        &[],
    );
    assert_eq!(ran.code, Some(3), "{}", ran.said);
    assert!(ran.said.contains("signal 9"), "{}", ran.said);
    assert!(ran.text(0).contains("said"));
    let ran = run("# %%\n1", &["--kernel", "no-such-kernel"]);
    assert_eq!(ran.code, Some(3), "{}", ran.said);
    assert!(
        ran.said.contains("`no-such-kernel`") && ran.said.contains("Hint:"),
        "{}",
        ran.said
    );
    assert_eq!(ran.text(0), "[]");
}

#[test]
fn what_is_no_notebook_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("given.ipynb");
    for content in ["not json", "{\"worksheets\": []}"] {
        std::fs::write(&path, content).unwrap();
        let output = runtimed(&path, &["--inplace"]);
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), content);
    }
    let said = |content: &str| {
        std::fs::write(&path, content).unwrap();
        let output = runtimed(&path, &["--inplace"]);
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    let older = said("{\"worksheets\": [], \"nbformat\": 3}");
    assert!(
        older.contains("format 3") && older.contains("\nHint: convert it with `jupyter nbconvert"),
        "{older}"
    );
    let newer = said("{\"cells\": [], \"nbformat\": 5, \"nbformat_minor\": 0}");
    assert!(
        newer.contains("format 5") && !newer.contains("Hint:"),
        "{newer}"
    );
    let other = said("not json");
    let cause = "expected ident at line 1 column 2";
    assert!(
        other.matches(cause).count() == 1 && !other.contains("Hint:"),
        "{other}"
    );
    let written = write(folder.path(), "# %%\n6 * 7");
    let output = runtimed(&written, &["--output", "/no/such/folder/out.ipynb"]);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let output = runtimed(&written, &["--inplace"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(
        read(&written)["cells"][0]["outputs"]
            .to_string()
            .contains("42")
    );
}

#[test]
fn a_notebook_without_cells_gets_none() {
    let ran = run("", &[]);
    assert_eq!(ran.code, Some(0), "{}", ran.said);
    assert_eq!(ran.written.unwrap()["cells"], serde_json::json!([]));
}

#[test]
fn ctrl_c_writes_what_is_there_and_leaves_no_process() {
    let folder = tempfile::tempdir().unwrap();
    let told = folder.path().join("pid");
    let source = format!(
        "# %%\nprint('begun', flush=True)\nimport os, time\nopen({:?}, 'w').write(str(os.getpid()) + '\\n')\ntime.sleep(600)",
        told.to_str().unwrap()
    );
    let (given, to) = (
        write(folder.path(), &source),
        folder.path().join("out.ipynb"),
    );
    let mut child = Command::new(env!("CARGO_BIN_EXE_runtimed"))
        .args([
            "run".as_ref(),
            given.as_os_str(),
            "--output".as_ref(),
            to.as_os_str(),
        ])
        .args(["--python".as_ref(), test_python().as_os_str()])
        .spawn()
        .unwrap();
    let pid = wait_for(|| {
        let text = std::fs::read_to_string(&told).ok()?;
        text.strip_suffix('\n')?.parse::<i32>().ok()
    });
    let signal = rustix::process::Signal::INT;
    rustix::process::kill_process(
        rustix::process::Pid::from_raw(child.id() as i32).unwrap(),
        signal,
    )
    .unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    let text = read(&to)["cells"][0]["outputs"].to_string();
    assert!(
        text.contains("begun") && text.contains("KeyboardInterrupt"),
        "{text}"
    );
    wait_for(|| (!Path::new(&format!("/proc/{pid}")).exists()).then_some(()));
}

fn wait_for<T>(mut found: impl FnMut() -> Option<T>) -> T {
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
    loop {
        if let Some(found) = found() {
            return found;
        }
        assert!(
            std::time::Instant::now() < deadline,
            "nothing happened in 60 s"
        );
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}
