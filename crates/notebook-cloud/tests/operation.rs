//! A server in operation: encryption, figures, its log, its end.
#![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

mod common;

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Instant;

use common::{PATIENCE, Running, program};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use serde_json::Value;

/// Makes a certificate of its own for `localhost` and writes it with its key.
fn certificate(folder: &Path) -> CertificateDer<'static> {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    std::fs::write(folder.join("key.pem"), made.signing_key.serialize_pem()).unwrap();
    std::fs::write(folder.join("cert.pem"), made.cert.pem()).unwrap();
    CertificateDer::from_pem_slice(made.cert.pem().as_bytes()).unwrap()
}

/// The answer over an encrypted connection that trusts one certificate only.
fn get(address: &str, trusted: &CertificateDer<'static>, path: &str) -> std::io::Result<String> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut roots = RootCertStore::empty();
    roots.add(trusted.clone()).unwrap();
    let config = ClientConfig::builder()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from("localhost").unwrap();
    let client = ClientConnection::new(Arc::new(config), name).unwrap();
    let mut stream = StreamOwned::new(client, TcpStream::connect(address)?);
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n"
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

#[test]
fn a_server_encrypts_and_reads_its_certificate_again_on_sighup() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name).display().to_string();
    let first = certificate(folder.path());
    let (cert, key) = (file("cert.pem"), file("key.pem"));
    let mut server = Running::start(
        &folder.path().join("data"),
        &["--tls-cert", &cert, "--tls-key", &key],
    );
    let link = server.line();
    assert!(link.contains(" https://127.0.0.1:"), "{link}");
    let answer = get(&server.address, &first, "/api/health").unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let second = certificate(folder.path());
    server.signal("-HUP");
    let deadline = Instant::now() + PATIENCE;
    while get(&server.address, &second, "/api/health").is_err() {
        assert!(
            Instant::now() < deadline,
            "the certificate stays the old one"
        );
        std::thread::yield_now();
    }
    assert!(get(&server.address, &first, "/api/health").is_err());
    assert_eq!(server.stop("-TERM"), Some(0));
}

#[test]
fn a_certificate_that_cannot_be_used_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name).display().to_string();
    std::fs::write(file("cert.pem"), "nothing").unwrap();
    let output = program()
        .args(["serve", "--listen", "127.0.0.1:0", "--data", &file("data")])
        .args([
            "--tls-cert",
            &file("cert.pem"),
            "--tls-key",
            &file("key.pem"),
        ])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("cannot use the certificate"), "{text}");
    assert!(text.contains("Hint:"), "{text}");
}

#[test]
fn figures_have_a_listener_of_their_own() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = Running::start(folder.path(), &["--metrics-listen", "127.0.0.1:0"]);
    assert!(server.get("/metrics").starts_with("HTTP/1.1 404"));
    let line = server.line();
    let (_, rest) = line.split_once("http://").unwrap();
    let (address, path) = rest.split_once('/').unwrap();
    assert_eq!(path, "metrics");
    let people = std::mem::replace(&mut server.address, address.to_owned());
    let answer = server.get("/metrics");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let counted =
        "notebook_cloud_http_requests_total{method=\"GET\",route=\"none\",status=\"404\"} 1";
    assert!(answer.contains(counted), "{answer}");
    assert!(server.get("/api/health").starts_with("HTTP/1.1 404"));
    server.address = people;
    assert_eq!(server.stop("-TERM"), Some(0));
}

/// What a server logged, and the lines it wrote as JSON.
fn log(path: &Path) -> (String, Vec<Value>) {
    let text = std::fs::read_to_string(path).unwrap();
    let lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
    let lines = lines.collect();
    (text, lines)
}

// CP-335
#[test]
fn cp_335_the_log_has_the_request_id_and_no_secret() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    let place = std::fs::File::create(&path).unwrap();
    let mut command = program();
    command.env("RUST_LOG", "debug");
    let flags = ["--dev-identity", "--log-format", "json"];
    let mut server = Running::spawn(
        command,
        &folder.path().join("data"),
        &flags,
        Stdio::from(place),
    );
    let link = server.line();
    let (_, token) = link.split_once("token=").unwrap();
    let signed_in = server.get(&format!("/sign-in?token={token}"));
    let (_, cookie) = signed_in.split_once("set-cookie: ").unwrap();
    let (_, cookie) = cookie.split_once('=').unwrap();
    let cookie = cookie.split(';').next().unwrap();
    let bearer = "nwc_secretsecretsecretsecretsecretsecret";
    let answer = server.call(
        "POST",
        "/api/workstations/pairing-codes",
        "x-user: ada\r\nx-scope: owner\r\nx-request-id: asked-1\r\n",
    );
    assert!(answer.contains("x-request-id: asked-1"), "{answer}");
    let (_, code) = answer.split_once("\"code\":\"").unwrap();
    let code = code.split('"').next().unwrap();
    for headers in [
        format!("authorization: Bearer {bearer}\r\n"),
        format!("cookie: nteract_cloud_app_session={cookie}\r\n"),
        "x-notebook-cloud-dev-token: secretdevtoken\r\n".to_owned(),
        "sec-websocket-protocol: nteract-bearer.c2VjcmV0c3Vi\r\n".to_owned(),
    ] {
        server.call("GET", "/api/workstations", &headers);
        server.call("GET", "/n/01ABC/sync", &headers);
    }
    assert_eq!(server.stop("-TERM"), Some(0));
    let (text, lines) = log(&path);
    let asked = lines.iter().find(|line| line["span"]["id"] == "asked-1");
    let asked = asked.unwrap_or_else(|| panic!("{text}"));
    assert_eq!(asked["span"]["path"], "/api/workstations/pairing-codes");
    let bare: String = code.chars().filter(char::is_ascii_alphanumeric).collect();
    for secret in [
        token,
        cookie,
        bearer,
        code,
        &bare,
        "secretdevtoken",
        "c2VjcmV0c3Vi",
    ] {
        assert!(secret.len() > 8, "{secret}");
        assert!(!text.contains(secret), "{secret} in {text}");
    }
}

#[test]
fn the_console_prints_the_audit_trail_beside_a_running_server() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = Running::start(folder.path(), &["--dev-identity"]);
    let created = server.call("POST", "/api/n", "x-user: ada\r\nx-scope: owner\r\n");
    assert!(created.starts_with("HTTP/1.1 201"), "{created}");
    let (_, id) = created.split_once("\"notebook_id\":\"").unwrap();
    let id = id.split('"').next().unwrap();
    let audit = |more: &[&str]| {
        let output = program()
            .args(["audit", "--data"])
            .arg(folder.path())
            .args(more)
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let text = audit(&[]);
    assert!(text.contains("  user:dev:ada/"), "{text}");
    assert!(text.contains("  notebook.create  "), "{text}");
    let line: Value = serde_json::from_str(audit(&["--json", "--notebook", id]).trim()).unwrap();
    assert_eq!(line["notebook_id"], id);
    assert_eq!(audit(&["--person", "user:dev:bob"]), "");
    assert_eq!(server.stop("-TERM"), Some(0));
}

/// `notebook-cloud person export` of a server's data, into a folder.
fn export(data: &Path, person: &str, to: &Path) -> std::process::Output {
    program()
        .args(["person", "export", person, "--data"])
        .arg(data)
        .arg("--to")
        .arg(to)
        .output()
        .unwrap()
}

#[test]
fn what_a_person_owns_is_written_to_files_beside_a_running_server() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let mut server = Running::start(&data, &["--dev-identity"]);
    for user in ["ada", "ada", "bob"] {
        let who = format!("x-user: {user}\r\nx-scope: owner\r\n");
        let created = server.call("POST", "/api/n", &who);
        assert!(created.starts_with("HTTP/1.1 201"), "{created}");
    }
    let to = folder.path().join("out");
    let output = export(&data, "user:dev:ada", &to);
    assert!(output.status.success(), "{output:?}");
    let files: Vec<_> = std::fs::read_dir(&to)
        .unwrap()
        .map(|file| file.unwrap())
        .collect();
    assert_eq!(files.len(), 2, "{output:?}");
    for file in files {
        let mode = file.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "only for whom it was written");
        let text = std::fs::read_to_string(file.path()).unwrap();
        let notebook: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(notebook["nbformat"], 4);
    }
    let again = export(&data, "user:dev:ada", &to);
    let said = String::from_utf8(again.stderr).unwrap();
    assert_eq!(again.status.code(), Some(1));
    assert!(
        said.contains("Hint: name a folder that is absent or empty"),
        "{said}"
    );
    let nobody = export(&data, "user:dev:eve", &folder.path().join("eve"));
    let said = String::from_utf8(nobody.stderr).unwrap();
    assert_eq!(nobody.status.code(), Some(1));
    assert!(
        said.contains("nobody here is called") && said.contains("person list"),
        "{said}"
    );
    assert_eq!(server.stop("-TERM"), Some(0));
}
