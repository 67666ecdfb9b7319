//! How a run ends that was not to run through: what is written, and what is said.

use std::path::Path;
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use testkit::python::test_python;

use super::{read, run, runtimed, wait_for, write};

fn run_command(given: &Path, to: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_runtimed"));
    command.arg("run").arg(given).arg("--output").arg(to);
    command.arg("--python").arg(test_python());
    command
}

/// Describes a kernel in a data folder of Jupyter.
fn install(data: &Path, name: &str, spec: &str) {
    let folder = data.join("kernels").join(name);
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("kernel.json"), spec).unwrap();
}

// The kernel's start was taken for the first cell's time.
#[test]
fn a_slow_start_of_the_kernel_is_not_the_cells_time() {
    let folder = tempfile::tempdir().unwrap();
    let script = format!(
        "sleep 4; exec {} -m ipykernel_launcher -f \"$1\"",
        test_python().display()
    );
    let argv = ["sh", "-c", &script, "sh", "{connection_file}"];
    let spec = json!({"argv": argv, "display_name": "Slow", "language": "python"});
    install(folder.path(), "slow", &spec.to_string());
    let given = write(folder.path(), "# %%\nprint('in time')");
    let to = folder.path().join("out.ipynb");
    let output = run_command(&given, &to)
        .args(["--kernel", "slow", "--timeout", "4"])
        .env("JUPYTER_PATH", folder.path())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(
        read(&to)["cells"][0]["outputs"]
            .to_string()
            .contains("in time")
    );
}

// Outputs that nothing was to replace were erased, and cells counted that never ran.
#[test]
fn without_a_kernel_cells_keep_their_outputs() {
    let folder = tempfile::tempdir().unwrap();
    let path = write(folder.path(), "# %%\nprint('kept')\n# %%\n6 * 7");
    let output = runtimed(&path, &["--inplace"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let before = read(&path)["cells"].clone();
    let output = runtimed(&path, &["--inplace", "--kernel", "no-such-kernel"]);
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("ran 0 cells"), "{said}");
    assert_eq!(read(&path)["cells"], before);
}

#[test]
fn a_kernel_that_cannot_be_started_is_named_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    install(folder.path(), "torn", "{\"argv\": [");
    let given = write(folder.path(), "# %%\n1");
    let output = run_command(&given, &folder.path().join("out.ipynb"))
        .args(["--kernel", "torn"])
        .env("JUPYTER_PATH", folder.path())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        said.contains("`torn`")
            && said.contains("EOF while parsing")
            && !said.contains("workstation"),
        "{said}"
    );
}

// The inputs of notebooks stood in their user's history, whose database runs at the same time shared.
#[test]
fn a_run_writes_nothing_into_its_users_history() {
    let folder = tempfile::tempdir().unwrap();
    let history = folder.path().join("history.sqlite");
    let profile = folder.path().join("profile_default");
    std::fs::create_dir(&profile).unwrap();
    let config = format!("c.HistoryManager.hist_file = {history:?}\n");
    std::fs::write(profile.join("ipython_config.py"), config).unwrap();
    let python = test_python();
    let module = ["-m", "ipykernel_launcher", "-f", "{connection_file}"];
    let argv: Vec<&str> = python.to_str().into_iter().chain(module).collect();
    let spec = json!({"argv": argv, "display_name": "Installed", "language": "python"});
    install(folder.path(), "installed", &spec.to_string());
    let given = write(
        folder.path(),
        "# %%\nget_ipython().history_manager.hist_file",
    );
    let to = folder.path().join("out.ipynb");
    for kernel in [&[][..], &["--kernel", "installed"]] {
        let output = run_command(&given, &to)
            .args(kernel)
            .env("IPYTHONDIR", folder.path())
            .env("JUPYTER_PATH", folder.path())
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        let shown = first_outputs(folder.path()).to_string();
        assert!(shown.contains(":memory:"), "{kernel:?}: {shown}");
        assert!(!history.exists(), "{kernel:?}");
    }
}

#[test]
fn no_other_kernel_is_advised_when_one_died() {
    let ran = run("# %%\nimport os\nos._exit(7)", &[]);
    assert_eq!(ran.code, Some(3), "{}", ran.said);
    assert!(ran.said.contains("ended unexpectedly"), "{}", ran.said);
    assert!(!ran.said.contains("Hint:"), "{}", ran.said);
}

/// Starts a run whose cell prints, says that it did, and then waits for a file.
fn started(folder: &Path, command: impl FnOnce(Command) -> Command) -> Child {
    let source = format!(
        "# %%\nimport os, time\nprint('begun', flush=True)\nopen({:?}, 'w').close()\n\
         while not os.path.exists({:?}):\n    time.sleep(0.05)",
        folder.join("begun").to_str().unwrap(),
        folder.join("go").to_str().unwrap()
    );
    let given = write(folder, &source);
    let child = command(run_command(&given, &folder.join("out.ipynb")))
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    wait_for(|| folder.join("begun").exists().then_some(()));
    child
}

fn hang_up(child: &Child) {
    kill_process(Pid::from_raw(child.id() as i32).unwrap(), Signal::HUP).unwrap();
}

fn first_outputs(folder: &Path) -> Value {
    read(&folder.join("out.ipynb"))["cells"][0]["outputs"].clone()
}

// All that had run was lost, and the kernel lived on.
#[test]
fn when_the_terminal_goes_away_what_ran_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let jobs = folder.path().join("jobs");
    std::fs::create_dir(&jobs).unwrap();
    let mut child = started(folder.path(), |mut command| {
        command.env("TMPDIR", &jobs);
        command
    });
    hang_up(&child);
    assert_eq!(child.wait().unwrap().code(), Some(130));
    let text = first_outputs(folder.path()).to_string();
    assert!(
        text.contains("begun") && text.contains("KeyboardInterrupt"),
        "{text}"
    );
    assert_eq!(std::fs::read_dir(&jobs).unwrap().count(), 0);
}

#[test]
fn a_run_under_nohup_outlives_the_terminal() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = started(folder.path(), |command| {
        let mut nohup = Command::new("sh");
        nohup.args(["-c", "trap '' HUP; exec \"$@\"", "sh"]);
        nohup.arg(command.get_program()).args(command.get_args());
        nohup
    });
    hang_up(&child);
    std::fs::write(folder.path().join("go"), "").unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    let text = first_outputs(folder.path()).to_string();
    assert!(
        text.contains("begun") && !text.contains("KeyboardInterrupt"),
        "{text}"
    );
}
