//! Notebooks that declare their packages, with the real uv. The packages are made here; ipykernel comes from the index.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::{Value, json};
use testkit::python::{make_wheel, test_python};

/// What uv downloads is kept between tests.
fn uv_cache() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("uv-cache")
}

struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let wheels = folder.path().join("wheels");
        std::fs::create_dir(&wheels).unwrap();
        make_wheel(&wheels, "probe_package", "1.5");
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A PEP 723 block with these requirements.
    fn block(&self, requirements: &str) -> String {
        let wheels = self.path("wheels");
        format!(
            "# /// script\n# dependencies = [{requirements}]\n# [tool.uv]\n# find-links = [{:?}]\n# ///\n",
            wheels.display().to_string()
        )
    }

    fn notebook(&self, name: &str, metadata: &Value, cells: &[&str]) -> PathBuf {
        let cells: Vec<Value> = cells
            .iter()
            .enumerate()
            .map(|(at, source)| {
                json!({"cell_type": "code", "id": format!("c{at}"), "metadata": {}, "source": source,
                    "execution_count": null, "outputs": []})
            })
            .collect();
        let notebook =
            json!({"nbformat": 4, "nbformat_minor": 5, "metadata": metadata, "cells": cells});
        let path = self.path(name);
        std::fs::write(&path, notebook.to_string()).unwrap();
        path
    }

    fn command(&self, notebook: &Path, python: &Path) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_runtimed"));
        command
            .arg("run")
            .arg(notebook)
            .arg("--output")
            .arg(notebook.with_extension("out.ipynb"))
            .arg("--python")
            .arg(python)
            .env("XDG_CACHE_HOME", self.path("cache"))
            .env("IPYTHONDIR", self.path("ipython"))
            .env("UV_CACHE_DIR", uv_cache());
        command
    }

    fn run(&self, notebook: &Path) -> Output {
        self.command(notebook, &test_python()).output().unwrap()
    }

    /// The folders of environments in the cache.
    fn environments(&self) -> usize {
        let entries = std::fs::read_dir(self.path("cache/runt/environments")).unwrap();
        entries
            .flatten()
            .filter(|entry| entry.path().is_dir())
            .count()
    }
}

fn printed(notebook: &Path) -> String {
    let text = std::fs::read(notebook.with_extension("out.ipynb")).unwrap();
    let notebook: Value = serde_json::from_slice(&text).unwrap();
    let cells = notebook["cells"].as_array().unwrap();
    let outputs = cells
        .iter()
        .flat_map(|cell| cell["outputs"].as_array().unwrap());
    outputs
        .filter_map(|output| match &output["text"] {
            Value::Array(lines) => Some(lines.iter().filter_map(Value::as_str).collect::<String>()),
            text => text.as_str().map(str::to_owned),
        })
        .collect()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn the_packages_that_a_notebook_declares_are_there_and_made_once() {
    let place = Place::new();
    let block = place.block("\"probe-package\"");
    let source = "import sys, probe_package\nprint(probe_package.WHO, sys.prefix, sep='\\n')";
    let path = place.notebook("a.ipynb", &json!({}), &["x = 1", &block, source]);
    // Two notebooks that declare the same, at the same time.
    let other = place.notebook("b.ipynb", &json!({}), &[&block, source]);
    let both = [&path, &other].map(|path| {
        let mut command = place.command(path, &test_python());
        command
            .stderr(std::process::Stdio::piped())
            .spawn()
            .unwrap()
    });
    let mut prepared = 0;
    for child in both {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{output:?}");
        // One that comes when the environment is made has nothing to say.
        prepared += usize::from(said(&output).contains("preparing environment: installing"));
    }
    assert!(prepared >= 1);
    assert_eq!(place.environments(), 1);
    let text = printed(&path);
    let (who, prefix) = text.trim().split_once('\n').unwrap();
    assert_eq!(who, "probe_package 1.5");
    let cache = place
        .path("cache/runt/environments")
        .canonicalize()
        .unwrap();
    assert!(Path::new(prefix).starts_with(&cache), "{prefix}");
    assert_eq!(printed(&other), text);

    let again = place.run(&path);
    assert!(again.status.success(), "{again:?}");
    assert!(!said(&again).contains("installing"), "{}", said(&again));
    assert_eq!((place.environments(), printed(&path)), (1, text));
}

#[test]
fn a_declaration_in_the_metadata_counts_and_another_kernel_comes_before_it() {
    let place = Place::new();
    let wheel = place.path("wheels/probe_package-1.5-py3-none-any.whl");
    let requirement = format!("probe-package @ file://{}", wheel.display());
    let metadata = json!({"runt": {"schema_version": "1", "uv": {"dependencies": [requirement]}}});
    let source = "import probe_package\nprint(probe_package.WHO)";
    let path = place.notebook("m.ipynb", &metadata, &[source]);
    let output = place.run(&path);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(printed(&path), "probe_package 1.5\n");
    // A kernel that was asked for by its name has an environment of its own.
    let kernels = place.path("jupyter/kernels/plain");
    std::fs::create_dir_all(&kernels).unwrap();
    let argv = [
        "python3",
        "-m",
        "ipykernel_launcher",
        "-f",
        "{connection_file}",
    ];
    let spec = json!({"argv": argv, "display_name": "Plain", "language": "python"});
    std::fs::write(kernels.join("kernel.json"), spec.to_string()).unwrap();
    let mut command = place.command(&path, &test_python());
    command.env("JUPYTER_PATH", place.path("jupyter"));
    let output = command.args(["--kernel", "plain"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(
        said(&output).contains("ModuleNotFoundError"),
        "{}",
        said(&output)
    );
}

#[test]
fn what_cannot_be_installed_is_told_in_uvs_words() {
    let place = Place::new();
    let block = place.block("\"probe-package>=2\"");
    let path = place.notebook("n.ipynb", &json!({}), &[&block, "print('never')"]);
    let output = place.run(&path);
    let said = said(&output);
    assert_eq!(output.status.code(), Some(3), "{said}");
    for part in [
        "cannot be installed",
        "probe-package",
        "\nHint: mend what the notebook declares",
    ] {
        assert!(said.contains(part), "{said}");
    }
    assert_eq!((printed(&path).as_str(), place.environments()), ("", 0));
    let broken = place.notebook(
        "t.ipynb",
        &json!({}),
        &["# /// script\n# dependencies = [\n# ///"],
    );
    let output = place.run(&broken);
    assert_eq!(output.status.code(), Some(3), "{output:?}");
}

#[test]
fn a_machine_without_uv_says_how_to_get_it() {
    let place = Place::new();
    let bare = place.path("bare");
    let made = Command::new(test_python())
        .args(["-m", "venv", "--without-pip"])
        .arg(&bare)
        .status()
        .unwrap();
    assert!(made.success());
    let block = place.block("\"probe-package\"");
    let path = place.notebook("u.ipynb", &json!({}), &[&block]);
    let mut command = place.command(&path, &bare.join("bin/python"));
    let output = command
        .env("HOME", place.path("home"))
        .env("PATH", place.path("nothing"))
        .output()
        .unwrap();
    let said = said(&output);
    assert_eq!(output.status.code(), Some(3), "{said}");
    for part in ["has no `uv`", "-m pip install uv", "environments off"] {
        assert!(said.contains(part), "{said}");
    }
}
