use std::fs;
use std::path::Path;
use std::time::Duration;

use ::downloads::{Effort, Item, Package, offer, pack};
use axum::body::to_bytes;
use http::Method;
use serde_json::{Value, json};

use super::*;
use crate::settings::Settings;
use crate::testing::{TestApp, request};

const ADA: [(&str, &str); 2] = [("x-user", "ada"), ("x-scope", "owner")];

/// Longer than what was read is kept.
const LATER: Duration = Duration::from_secs(60);

fn put(folder: &Path, version: &str, target: &str) -> Archive {
    let program = folder.join("program");
    fs::write(&program, format!("a program, {version}")).unwrap();
    let package = Package {
        name: "runt".into(),
        version: version.into(),
        target: target.into(),
    };
    let items = ["runt", "runtimed"].map(|name| Item::program(name, program.clone()));
    let archive = pack(folder, &package, &items, Effort::Quick).unwrap();
    offer(folder, &archive).unwrap();
    archive
}

async fn app(folder: &Path, public_url: Option<&str>) -> TestApp {
    TestApp::with(Settings {
        dev_identity: true,
        downloads: Some(folder.to_owned()),
        public_url: public_url.map(str::to_owned),
        ..Settings::default()
    })
    .await
}

async fn get(app: &TestApp, path: &str, headers: &[(&str, &str)]) -> (u16, HeaderMap, Vec<u8>) {
    let answer = app.send(request(Method::GET, path, headers, "")).await;
    let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
    let body = to_bytes(answer.into_body(), usize::MAX).await.unwrap();
    (status, headers, body.to_vec())
}

async fn script_of(app: &TestApp, host: &str) -> String {
    let (status, headers, body) = get(app, "/install.sh", &[("host", host)]).await;
    assert_eq!(
        (status, &headers[header::CONTENT_TYPE]),
        (200, &HeaderValue::from_static(TEXT))
    );
    String::from_utf8(body).unwrap()
}

#[tokio::test]
async fn what_the_manifest_names_is_served_to_everybody_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let archive = put(folder.path(), "0.1.0", "x86_64-unknown-linux-gnu");
    let app = app(folder.path(), None).await;
    let path = format!("/downloads/{}", archive.file);
    let (status, headers, body) = get(&app, &path, &[]).await;
    assert_eq!(status, 200);
    assert_eq!(body, fs::read(folder.path().join(&archive.file)).unwrap());
    assert_eq!(headers[header::CONTENT_TYPE], "application/gzip");
    assert_eq!(headers[header::CACHE_CONTROL], "no-cache");
    assert_eq!(headers[header::X_CONTENT_TYPE_OPTIONS], "nosniff");
    let tag = headers[header::ETAG].to_str().unwrap();
    let (status, _, body) = get(&app, &path, &[("if-none-match", tag)]).await;
    assert_eq!((status, body.len()), (304, 0));
    let head = app.send(request(Method::HEAD, &path, &[], "")).await;
    assert_eq!(head.status(), 200);
    assert_eq!(
        head.headers()[header::CONTENT_LENGTH],
        archive.size.to_string()
    );
    assert!(to_bytes(head.into_body(), 1).await.unwrap().is_empty());

    let (_, _, sums) = get(&app, "/downloads/SHA256SUMS", &[]).await;
    let line = format!("{}  {}\n", archive.sha256, archive.file);
    assert_eq!(String::from_utf8(sums).unwrap(), line);
    let (_, list) = app.call(Method::GET, "/api/downloads", &[], "").await;
    assert_eq!(list["install_script"], "http://127.0.0.1:8080/install.sh");
    assert_eq!(list["archives"], json!([archive]));

    for name in [
        "program",
        "manifest.json",
        "absent.tar.gz",
        "..%2Fdownloads%2Fprogram",
        "..",
        "%2e%2e%2fprogram",
        "",
    ] {
        let (status, _, _) = get(&app, &format!("/downloads/{name}"), &[]).await;
        assert_eq!(status, 404, "{name}");
    }
}

#[tokio::test]
async fn a_folder_may_come_and_go_while_the_server_runs() {
    let folder = tempfile::tempdir().unwrap();
    let downloads = folder.path().join("downloads");
    let app = app(&downloads, None).await;
    let offered = async || {
        app.clock().advance(LATER);
        let (status, list) = app.call(Method::GET, "/api/downloads", &[], "").await;
        assert_eq!(status, 200);
        list["archives"].as_array().unwrap().len()
    };
    assert_eq!(offered().await, 0);
    assert!(
        script_of(&app, "127.0.0.1:8080")
            .await
            .contains("archives='\n\n'")
    );
    fs::create_dir(&downloads).unwrap();
    let archive = put(&downloads, "0.1.0", "aarch64-apple-darwin");
    assert_eq!(offered().await, 1);
    fs::write(downloads.join("manifest.json"), "{\"archives\": 7}").unwrap();
    assert_eq!(offered().await, 0);
    fs::remove_file(downloads.join("manifest.json")).unwrap();
    put(&downloads, "0.1.0", "aarch64-apple-darwin");
    assert_eq!(offered().await, 1);
    // Named, and not there.
    fs::remove_file(downloads.join(&archive.file)).unwrap();
    let path = format!("/downloads/{}", archive.file);
    assert_eq!(get(&app, &path, &[]).await.0, 404);
}

#[tokio::test]
async fn the_script_names_this_cloud_and_the_archives_for_each_system() {
    let folder = tempfile::tempdir().unwrap();
    let mut archives = [
        "x86_64-unknown-linux-musl",
        "aarch64-apple-darwin",
        "riscv64-plan9",
    ]
    .map(|target| put(folder.path(), "0.1.0", target));
    archives[1].glibc = Some("2.17".into());
    offer(folder.path(), &archives[1]).unwrap();
    let here = app(folder.path(), None).await;
    let script = script_of(&here, "lab.example:8080").await;
    assert!(
        script.contains("cloud='http://lab.example:8080'\n"),
        "{script}"
    );
    let [musl, mac, _] = &archives;
    let lines = format!(
        "Darwin-aarch64 {} {} 2.17\nLinux-x86_64 {} {} -\n'",
        mac.file, mac.sha256, musl.file, musl.sha256
    );
    assert!(script.contains(&lines), "{script}");
    assert!(
        !script.contains('@') || script.contains("\"$@\""),
        "{script}"
    );
    // Nothing that a shell would take for more than a name.
    let script = script_of(&here, "a'$(touch x)'").await;
    assert!(
        script.contains("cloud='http://127.0.0.1:8080'\n"),
        "{script}"
    );
    let public = app(folder.path(), Some("https://cloud.example")).await;
    let script = script_of(&public, "127.0.0.1:8080").await;
    assert!(
        script.contains("cloud='https://cloud.example'\n"),
        "{script}"
    );
    assert!(
        script.contains("https://cloud.example/install.sh | sh"),
        "{script}"
    );
}

#[tokio::test]
async fn the_newest_download_is_the_newest_build_where_no_other_place_is_named() {
    let folder = tempfile::tempdir().unwrap();
    put(folder.path(), "0.10.0", "x86_64-unknown-linux-gnu");
    put(folder.path(), "0.9.0", "aarch64-apple-darwin");
    let app = app(folder.path(), None).await;
    let register = async |build: &str| {
        let body = json!({"workstation_id": "ws", "channel": "stable", "installed_build": build});
        let path = "/api/workstations";
        let (_, answer) = app.call(Method::POST, path, &ADA, body.to_string()).await;
        answer
    };
    let old = register("0.9.9").await;
    assert_eq!(
        old["latest_builds"],
        json!({"stable": "0.10.0", "nightly": null})
    );
    assert_eq!(old["minimum_build"], wire::http::MINIMUM_BUILD);
    assert_eq!(old["workstation"]["is_outdated"], true);
    assert_eq!(
        register("0.10.0+abc").await["workstation"]["is_outdated"],
        false
    );
    let (_, list) = app.call(Method::GET, "/api/workstations", &ADA, "").await;
    assert_eq!(list["workstations"][0]["latest_build"], "0.10.0");
    assert_eq!(list["minimum_build"], wire::http::MINIMUM_BUILD);
    let off = TestApp::with(Settings {
        downloads: Some(folder.path().to_owned()),
        workstation: crate::settings::WorkstationSettings {
            latest_build_base_url: Some("off".into()),
        },
        dev_identity: true,
        ..Settings::default()
    })
    .await;
    let (_, list) = off.call(Method::GET, "/api/workstations", &ADA, "").await;
    assert_eq!(list["latest_builds"]["stable"], Value::Null);
}
