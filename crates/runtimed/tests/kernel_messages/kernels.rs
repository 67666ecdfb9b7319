//! The kernels that the suite is run against, and what each is asked.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use kernel::{InterruptMode, LaunchSpec};
use testkit::python::test_python;

/// One kernel: how it is started, and code of its language.
pub struct Kernel {
    pub spec: LaunchSpec,
    pub language: &'static str,
    pub extension: &'static str,
    /// Prints `hello` and a newline.
    pub hello: &'static str,
    /// Writes `oops` to stderr, and the stream on which that arrives.
    pub complains: (&'static str, &'static str),
    /// Fails, and the name of its error.
    pub fails: (&'static str, &'static str),
    /// Has 42 as its result.
    pub result: Option<&'static str>,
    /// Code that is complete, incomplete, invalid.
    pub complete: Option<[&'static str; 3]>,
    /// Text, and what completes it.
    pub completes: (&'static str, &'static str),
    /// Whether silent code is really silent.
    pub is_silent: bool,
    /// Prints `begun`, then runs for ever.
    pub endless: Option<&'static str>,
}

/// A program that pip installed beside the interpreter of the tests.
fn beside_python(name: &str) -> PathBuf {
    test_python().parent().unwrap_or(Path::new("")).join(name)
}

fn by_command(program: &Path, arguments: &[&str]) -> LaunchSpec {
    let program = program.to_string_lossy().into_owned();
    let arguments = arguments.iter().map(|argument| (*argument).to_owned());
    LaunchSpec {
        argv: [program].into_iter().chain(arguments).collect(),
        cwd: "/".into(),
        env: BTreeMap::new(),
        interrupt_mode: InterruptMode::Signal,
        resource_dir: None,
        kernelspec: None,
        ipc: false,
        process_memory: None,
        env_source: None,
        in_use: None,
    }
}

pub fn ipykernel() -> Kernel {
    Kernel {
        spec: LaunchSpec::current_python(&test_python(), Path::new("/")),
        language: "python",
        extension: ".py",
        hello: "print('hello')",
        complains: ("import sys; sys.stderr.write('oops')", "stderr"),
        fails: ("1 / 0", "ZeroDivisionError"),
        result: Some("6 * 7"),
        complete: Some(["1 + 1", "for i in range(3):", "import = 1"]),
        completes: ("import zipfil", "zipfile"),
        is_silent: true,
        endless: Some("print('begun', flush=True)\nimport time\ntime.sleep(600)"),
    }
}

pub fn bash() -> Kernel {
    let arguments = ["-m", "bash_kernel", "-f", "{connection_file}"];
    Kernel {
        spec: by_command(&test_python(), &arguments),
        language: "bash",
        extension: ".sh",
        hello: "echo hello",
        complains: ("echo oops >&2", "stdout"),
        fails: ("no_such_command_here", ""),
        result: None,
        complete: None,
        completes: ("ech", "echo"),
        is_silent: true,
        endless: Some("echo begun; sleep 600"),
    }
}

pub fn deno() -> Kernel {
    let arguments = ["jupyter", "--kernel", "--conn", "{connection_file}"];
    Kernel {
        spec: by_command(&beside_python("deno"), &arguments),
        language: "typescript",
        extension: ".ts",
        hello: "console.log('hello')",
        complains: ("console.error('oops')", "stderr"),
        fails: ("throw new TypeError('boom')", "TypeError"),
        result: Some("const n: number = 6; n * 7"),
        complete: Some(["1 + 1", "function f() {", "}}"]),
        completes: ("consol", "console"),
        is_silent: false,
        endless: None,
    }
}
