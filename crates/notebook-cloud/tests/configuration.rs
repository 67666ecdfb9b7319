//! `config check`, and a server that takes its settings from a file and the environment.
#![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use blob_store::BucketConfig;
use blob_store::testing::S3Server;

fn program() -> Command {
    Command::new(env!("CARGO_BIN_EXE_notebook-cloud"))
}

fn check(file: &Path, flags: &[&str]) -> Output {
    program()
        .args(["config", "check", "--config"])
        .arg(file)
        .args(flags)
        .env("NOTEBOOK_CLOUD_DRAIN_SECONDS", "3")
        .output()
        .unwrap()
}

/// The line of a setting.
fn line(output: &Output, key: &str) -> String {
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    text.lines()
        .find(|line| line.split_whitespace().next() == Some(key))
        .unwrap_or_else(|| panic!("no {key} in {text}"))
        .to_owned()
}

#[test]
fn check_says_each_value_and_where_it_came_from() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("cloud.toml");
    let data = folder.path().join("data");
    let text = format!("data = {data:?}\nlisten = \"127.0.0.1:1\"\n[limits]\nblob_bytes = 1000\n");
    std::fs::write(&file, text).unwrap();
    let output = check(
        &file,
        &[
            "--listen",
            "127.0.0.1:0",
            "--set",
            "limits.header_bytes=9000",
        ],
    );
    assert!(output.status.success(), "{output:?}");
    assert!(line(&output, "listen").contains(" 127.0.0.1:0 "));
    assert!(line(&output, "listen").ends_with("flag --listen"));
    assert!(line(&output, "limits.blob_bytes").contains("1000"));
    assert!(line(&output, "limits.blob_bytes").contains("file "));
    assert!(line(&output, "limits.header_bytes").ends_with("flag --set"));
    assert!(line(&output, "drain_seconds").ends_with("environment NOTEBOOK_CLOUD_DRAIN_SECONDS"));
    assert!(line(&output, "limits.json_body_bytes").ends_with("default"));
    assert!(!data.exists(), "looking changes nothing");
}

#[test]
fn check_fails_with_every_reason_why_a_server_would_not_start() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("cloud.toml");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let text = format!(
        "listen = \"{}\"\npublic_urls = \"x\"\n[tls]\ncert = \"/none/cert.pem\"\n",
        taken.local_addr().unwrap()
    );
    std::fs::write(&file, text).unwrap();
    let output = check(&file, &[]);
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stdout).unwrap();
    for words in [
        "did you mean `public_url`?",
        "another program uses that port",
        "no data directory is named",
        "cannot read /none/cert.pem",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
}

#[test]
fn a_secret_among_the_arguments_is_refused_and_shown_nowhere() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("cloud.toml");
    std::fs::write(&file, "[oidc]\nclient_secret = \"hush\"\n").unwrap();
    let data = folder.path().join("data");
    for (flags, hint) in [
        (
            ["--set", "oidc.client_secret=hush"],
            "NOTEBOOK_CLOUD_OIDC_CLIENT_SECRET",
        ),
        (
            ["--database", "postgres://ada:hush@db/cloud"],
            "database_password_file",
        ),
        (
            ["--set", "database=postgres://db/cloud?password=hush&x=1"],
            "NOTEBOOK_CLOUD_DATABASE",
        ),
    ] {
        let output = check(&file, &flags);
        let seen = format!("{output:?}");
        assert!(!seen.contains("hush"), "{seen}");
        assert!(seen.contains(hint), "{seen}");
        for command in ["serve", "sign-in-link", "audit", "backup"] {
            let mut command_line = program();
            command_line
                .arg(command)
                .arg("--data")
                .arg(&data)
                .args(flags);
            if command == "backup" {
                command_line.arg("--to").arg(folder.path().join("to"));
            }
            let output = command_line.output().unwrap();
            let seen = String::from_utf8(output.stderr).unwrap();
            assert_eq!(output.status.code(), Some(1), "{command}: {seen}");
            assert!(seen.contains("Hint:") && !seen.contains("hush"), "{seen}");
        }
    }
    assert!(!data.exists(), "nothing was begun");
    let output = check(&file, &[]);
    assert!(line(&output, "oidc.client_secret").contains("(set, not shown)"));
}

#[test]
fn a_server_reads_its_file_and_refuses_one_with_a_mistake() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("cloud.toml");
    let data = folder.path().join("data");
    std::fs::write(
        &file,
        format!("data = {data:?}\nlisten = \"127.0.0.1:0\"\n"),
    )
    .unwrap();
    let mut child = program()
        .args(["serve", "--config"])
        .arg(&file)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(line.starts_with("listening on http://127.0.0.1:"), "{line}");
    assert!(data.join("catalog.sqlite").exists());

    std::fs::write(&file, "data = \"x\"\nlisten_on = \"127.0.0.1:0\"\n").unwrap();
    let output = program()
        .args(["serve", "--config"])
        .arg(&file)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(
        text.contains("`listen_on`") && text.contains("Hint:"),
        "{text}"
    );
}

const KEY: [&str; 2] = [
    "NOTEBOOK_CLOUD_S3_ACCESS_KEY_ID",
    "NOTEBOOK_CLOUD_S3_SECRET_ACCESS_KEY",
];

/// `config check` with a bucket's settings in a file and its keys in the environment.
fn check_bucket(bucket: &BucketConfig) -> (bool, String) {
    let folder = tempfile::tempdir().unwrap();
    let (file, data) = (folder.path().join("cloud.toml"), folder.path().join("data"));
    let text = format!(
        "data = {:?}\nlisten = \"127.0.0.1:0\"\n[s3]\nendpoint = {:?}\nbucket = {:?}\nprefix = {:?}\n",
        data.to_str().unwrap(),
        bucket.endpoint.as_ref().unwrap(),
        bucket.bucket,
        bucket.prefix
    );
    std::fs::write(&file, text).unwrap();
    let output = program()
        .args(["config", "check", "--config"])
        .arg(&file)
        .env(KEY[0], &bucket.keys.access_key_id)
        .env(KEY[1], &bucket.keys.secret_access_key)
        .output()
        .unwrap();
    assert!(!data.exists(), "looking changes nothing");
    let seen = format!("{output:?}");
    for secret in [&bucket.keys.access_key_id, &bucket.keys.secret_access_key] {
        assert!(!seen.contains(secret.as_str()), "{seen}");
    }
    let text = String::from_utf8(output.stdout).unwrap();
    (output.status.success(), text)
}

#[test]
fn check_tries_the_bucket_and_says_cause_and_next_step() {
    let server = S3Server::start();
    let good = server.bucket("cloud");
    let (fine, text) = check_bucket(&good);
    assert!(
        fine && text.contains("ok: blobs can be kept in bucket `cloud`"),
        "{text}"
    );

    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let nowhere = format!("http://{}", closed.local_addr().unwrap());
    drop(closed);
    let changed = |change: &dyn Fn(&mut BucketConfig)| {
        let mut bucket = server.bucket("cloud");
        change(&mut bucket);
        bucket
    };
    // Every request is too late for this one.
    let strict = S3Server::with_skew(0);
    for (bucket, cause, next) in [
        (
            changed(&|b| b.bucket = "clout".into()),
            "has no bucket `clout`",
            "correct s3.bucket",
        ),
        (
            changed(&|b| b.keys.secret_access_key = "mistyped".into()),
            "does not accept the access key",
            "correct the key in the environment",
        ),
        (
            changed(&|b| b.endpoint = Some(nowhere.clone())),
            "cannot be reached",
            "correct s3.endpoint",
        ),
        (strict.bucket("cloud"), "clock", "timedatectl"),
    ] {
        let (fine, text) = check_bucket(&bucket);
        let error = text
            .split_once("error: ")
            .map(|(_, error)| error)
            .unwrap_or_default();
        assert!(
            !fine && error.contains(cause) && error.contains(next),
            "{cause}: {text}"
        );
    }
}

#[test]
fn the_keys_of_a_bucket_come_from_the_environment_or_a_file_of_ones_own() {
    use std::os::unix::fs::PermissionsExt as _;
    let server = S3Server::start();
    let bucket = server.bucket("cloud");
    let folder = tempfile::tempdir().unwrap();
    let (file, keys) = (
        folder.path().join("cloud.toml"),
        folder.path().join("keys.toml"),
    );
    let data = folder.path().join("data");
    let mode = |path: &Path, mode| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    let place = format!(
        "data = {:?}\nlisten = \"127.0.0.1:0\"\n[s3]\nendpoint = {:?}\nbucket = \"cloud\"\n",
        data.to_str().unwrap(),
        bucket.endpoint.unwrap()
    );
    let secret = format!(
        "access_key_id = {:?}\nsecret_access_key = {:?}\n",
        bucket.keys.access_key_id, bucket.keys.secret_access_key
    );
    let seen = |flags: &[&str]| {
        let output = check(&file, flags);
        let seen = format!("{output:?}");
        assert!(!seen.contains(&bucket.keys.secret_access_key), "{seen}");
        (
            output.status.success(),
            String::from_utf8(output.stdout).unwrap(),
        )
    };
    std::fs::write(&file, &place).unwrap();
    let (fine, text) = seen(&[]);
    assert!(
        !fine && text.contains("the access key is missing"),
        "{text}"
    );
    let flag = format!("s3.secret_access_key={}", bucket.keys.secret_access_key);
    let (fine, text) = seen(&["--set", &flag]);
    assert!(!fine && text.contains(KEY[1]), "{text}");

    std::fs::write(
        &file,
        format!("{place}keys_file = {:?}\n", keys.to_str().unwrap()),
    )
    .unwrap();
    std::fs::write(&keys, &secret).unwrap();
    mode(&keys, 0o640);
    let (fine, text) = seen(&[]);
    assert!(
        !fine && text.contains("others can read it") && text.contains("chmod 600"),
        "{text}"
    );
    mode(&keys, 0o600);
    let (fine, text) = seen(&[]);
    assert!(fine, "{text}");

    std::fs::write(&file, format!("{place}{secret}")).unwrap();
    mode(&file, 0o644);
    let (fine, text) = seen(&[]);
    assert!(!fine && text.contains("that others can read"), "{text}");
    mode(&file, 0o600);
    let (fine, text) = seen(&[]);
    assert!(fine, "{text}");
}

#[test]
fn check_says_what_other_machines_are_offered() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("cloud.toml");
    let downloads = folder.path().join("downloads");
    let data = folder.path().join("data");
    std::fs::write(
        &file,
        format!("data = {data:?}\ndownloads = {downloads:?}\n"),
    )
    .unwrap();
    let told = || {
        let output = check(&file, &["--listen", "127.0.0.1:0"]);
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    assert!(told().contains("offers nothing: it has no manifest.json\nHint: "));
    std::fs::create_dir(&downloads).unwrap();
    let manifest = downloads.join("manifest.json");
    std::fs::write(&manifest, "no").unwrap();
    assert!(told().contains("is no manifest of downloads"));
    let digest = "0".repeat(64);
    let archive = format!(
        r#"{{"package":"runt","version":"0.1.0","target":"x","file":"runt.tar.gz","sha256":"{digest}","size":1,"programs":[]}}"#
    );
    std::fs::write(&manifest, format!(r#"{{"archives":[{archive}]}}"#)).unwrap();
    assert!(told().contains("offers runt.tar.gz"));
}
