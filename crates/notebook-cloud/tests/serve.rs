//! The program itself: its command line, its data directory, its signals.
#![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

mod common;

use std::path::Path;
use std::process::Output;

use common::{Running, program};

fn refused(output: &Output, words: &str) {
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains(words), "{text}");
    assert!(text.contains("Hint:"), "{text}");
}

fn serve(listen: &str, data: &Path, more: &[&str]) -> Output {
    program()
        .args(["serve", "--listen", listen, "--data"])
        .arg(data)
        .args(more)
        .output()
        .unwrap()
}

fn sign_in_link(data: &Path) -> Output {
    program()
        .args(["sign-in-link", "--data"])
        .arg(data)
        .output()
        .unwrap()
}

#[test]
fn a_first_start_makes_its_directory_and_prints_a_link_that_signs_in() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("deep/data");
    let mut server = Running::start(&data, &[]);
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::metadata(&data).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
    }
    assert!(server.get("/api/health").starts_with("HTTP/1.1 200"));
    let line = server.line();
    let link = line.split_once("http://").unwrap().1;
    let path = link.strip_prefix(server.address.as_str()).unwrap();
    let answer = server.get(path);
    assert!(answer.starts_with("HTTP/1.1 303"), "{answer}");
    assert!(answer.contains("nteract_cloud_app_session="), "{answer}");
    assert!(server.get(path).starts_with("HTTP/1.1 403"));
    // Another link, made beside the running server.
    let output = sign_in_link(&data);
    assert!(output.status.success());
    let link = String::from_utf8(output.stdout).unwrap();
    let path = link
        .trim()
        .strip_prefix(&format!("http://{}", server.address))
        .unwrap();
    assert!(server.get(path).starts_with("HTTP/1.1 303"));
    assert_eq!(server.stop("-TERM"), Some(0));
    refused(&sign_in_link(&data), "no notebook-cloud is running");
}

#[test]
fn an_interrupt_stops_it_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = Running::start(folder.path(), &["--dev-identity"]);
    assert_eq!(server.stop("-INT"), Some(0));
}

#[test]
fn what_cannot_be_served_is_said_in_one_error_with_a_hint() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("one");
    let server = Running::start(&data, &[]);
    let other = folder.path().join("two");
    refused(
        &serve(&server.address, &other, &[]),
        "another program uses that port",
    );
    refused(
        &serve("127.0.0.1:0", &data, &[]),
        "another notebook-cloud uses the data directory",
    );
    refused(
        &serve("0.0.0.0:0", &other, &["--dev-identity"]),
        "--dev-identity",
    );
    refused(&serve("nonsense", &other, &[]), "not an address and port");
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    refused(
        &serve("127.0.0.1:0", &file, &[]),
        "cannot use the data directory",
    );
}

#[test]
fn a_database_of_a_newer_release_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = Running::start(folder.path(), &[]);
    assert_eq!(server.stop("-TERM"), Some(0));
    // The schema version is the big-endian number at offset 60 of an SQLite file.
    let path = folder.path().join("catalog.sqlite");
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[60..64].copy_from_slice(&9999_u32.to_be_bytes());
    std::fs::write(&path, bytes).unwrap();
    refused(
        &serve("127.0.0.1:0", folder.path(), &[]),
        "schema version 9999",
    );
}
