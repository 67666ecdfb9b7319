//! The environment that a kernel finds itself in: nothing is added to it, and it is active.

use kernel::LaunchSpec;

use crate::job::{Job, stream_text};

/// What the code prints in the job's kernel.
async fn printed(job: &mut Job, id: &str, code: &str) -> String {
    job.execute(id, code).await;
    stream_text(&job.until_idle(id).await, "stdout")
}

// WS-299
#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_added_to_the_interpreters_environment() {
    const SEEN: &str = "import os, sys, sysconfig; print(sys.path, os.environ.get('PYTHONPATH'), \
        sorted(os.listdir(sysconfig.get_paths()['purelib'])))";
    let plain = std::process::Command::new(testkit::python::test_python())
        // A kernel's first entry is the folder that it is in, as on a terminal.
        .args(["-Xfrozen_modules=off", "-c", SEEN])
        .current_dir("/")
        .output()
        .unwrap();
    let mut job = Job::start().await;
    let seen = printed(&mut job, "e1", SEEN).await;
    let plain = String::from_utf8(plain.stdout).unwrap();
    let entries = |text: &str| text.replacen("'', ", "", 1);
    assert_eq!(entries(&seen), entries(&plain));
    job.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kernel_in_an_environment_sees_it_active() {
    let place = tempfile::tempdir().unwrap();
    let venv = place.path().join("venv");
    let base = testkit::python::test_python();
    let run = |program: &std::path::Path, arguments: &[&str]| {
        let output = std::process::Command::new(program)
            .args(arguments)
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    run(
        &base,
        &["-m", "venv", "--without-pip", venv.to_str().unwrap()],
    );
    let python = venv.join("bin/python");
    let purelib = "import sysconfig; print(sysconfig.get_paths()['purelib'])";
    // The new environment borrows the packages of the old one.
    let packages = run(&python, &["-c", purelib]);
    let lent = std::path::Path::new(&packages).join("lent.pth");
    std::fs::write(lent, run(&base, &["-c", purelib])).unwrap();
    let spec = LaunchSpec::current_python(&python, std::path::Path::new("/"));
    let mut job = Job::start_with(spec).await;
    let code = "import os, shutil, sys; print(sys.prefix, os.environ['VIRTUAL_ENV'], shutil.which('python'))";
    let shown = venv.display();
    assert_eq!(
        printed(&mut job, "e1", code).await,
        format!("{shown} {shown} {shown}/bin/python\n")
    );
    job.shutdown().await;
}
