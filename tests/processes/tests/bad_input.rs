//! Bad input at the edges of the real programs: a clear error, and nothing lost.

use std::path::Path;
use std::process::Output;
use std::time::Duration;

use anyhow::{Context as _, Result};
use processes::{Attached, Cloud, Room, Workstation, program, test_python, until};
use reqwest::Method;
use serde_json::json;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::process::Command;

const LIMIT: Duration = Duration::from_secs(60);

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

async fn connect(workstation: &Workstation, url: &str, code: &str) -> Result<Output> {
    Ok(workstation
        .runt(&["workstation", "connect", url, "--code", code])?
        .output()
        .await?)
}

// WS-057
#[tokio::test]
async fn a_wrong_or_used_code_exits_1_with_one_line_and_writes_nothing() -> Result<()> {
    let cloud = Cloud::start().await?;
    let workstation = Workstation::new(&cloud, "machine");
    let output = connect(&workstation, &cloud.url(), "AAAA-BBBB-CCCC").await?;
    assert_eq!(output.status.code(), Some(1));
    let text = stderr(&output);
    assert!(text.contains("invalid, expired"), "{text}");
    assert!(
        workstation.credential().is_err(),
        "a credential was written"
    );

    let code = cloud.pairing_code().await?;
    assert!(
        connect(&workstation, &cloud.url(), &code)
            .await?
            .status
            .success()
    );
    let other = Workstation::new(&cloud, "other");
    assert_eq!(
        connect(&other, &cloud.url(), &code).await?.status.code(),
        Some(1)
    );
    assert!(other.credential().is_err(), "a used code gave a credential");
    Ok(())
}

#[tokio::test]
async fn an_unreachable_cloud_is_named() -> Result<()> {
    let cloud = Cloud::start().await?;
    let workstation = Workstation::new(&cloud, "machine");
    let port = TcpListener::bind("127.0.0.1:0").await?.local_addr()?.port();
    let output = connect(
        &workstation,
        &format!("http://127.0.0.1:{port}"),
        "AAAA-BBBB-CCCC",
    )
    .await?;
    assert_eq!(output.status.code(), Some(1));
    let text = stderr(&output);
    assert!(
        text.contains("could not reach") && text.contains(&port.to_string()),
        "{text}"
    );
    Ok(())
}

#[tokio::test]
async fn a_reply_that_is_not_json_is_said_so() -> Result<()> {
    let cloud = Cloud::start().await?;
    let workstation = Workstation::new(&cloud, "machine");
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}", listener.local_addr()?);
    let server = tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let mut buffer = [0; 4096];
            let _ = socket.read(&mut buffer).await;
            let body = "<html>Welcome to the hotel</html>";
            let head = format!(
                "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: {}\r\n\r\n",
                body.len()
            );
            let _ = socket.write_all(format!("{head}{body}").as_bytes()).await;
        }
    });
    let output = connect(&workstation, &url, "AAAA-BBBB-CCCC").await?;
    server.abort();
    assert_eq!(output.status.code(), Some(1));
    let said = stderr(&output);
    assert!(
        said.contains("a web page came in place of the answer") && said.contains("\nHint: "),
        "{said}"
    );
    assert!(workstation.credential().is_err());
    Ok(())
}

#[tokio::test]
async fn a_taken_port_and_a_taken_data_directory_are_named() -> Result<()> {
    let cloud = Cloud::start().await?;
    let other = cloud.folder("other-data");
    for (address, data, word) in [
        (cloud.address(), other.as_path(), "in use"),
        ("127.0.0.1:0", cloud.data().as_path(), "data"),
    ] {
        let serve = Command::new(program("notebook-cloud")?)
            .args(["serve", "--listen", address, "--data"])
            .arg(data)
            .kill_on_drop(true)
            .output();
        let output = tokio::time::timeout(LIMIT, serve)
            .await
            .context("it did not exit")??;
        assert_eq!(output.status.code(), Some(1));
        let text = stderr(&output);
        assert!(text.contains(word) && text.contains("Hint:"), "{text}");
    }
    Ok(())
}

#[tokio::test]
async fn the_development_identity_is_refused_off_loopback() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let serve = Command::new(program("notebook-cloud")?)
        .args(["serve", "--dev-identity", "--listen", "0.0.0.0:0", "--data"])
        .arg(folder.path())
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(LIMIT, serve)
        .await
        .context("it did not exit")??;
    assert_eq!(output.status.code(), Some(1));
    let text = stderr(&output);
    assert!(
        text.contains("--dev-identity") && text.contains("other machines"),
        "{text}"
    );
    assert!(text.contains("Hint:"), "{text}");
    Ok(())
}

#[tokio::test]
async fn a_corrupt_credential_file_is_named() -> Result<()> {
    let cloud = Cloud::start().await?;
    let workstation = Workstation::new(&cloud, "machine");
    workstation.connect(&cloud).await?;
    let path = cloud.folder("machine").join("config/runt/workstation.json");
    std::fs::write(&path, "{ not json")?;
    for command in ["run", "status"] {
        let output = workstation
            .runt(&["workstation", command])?
            .output()
            .await?;
        assert_eq!(output.status.code(), Some(1));
        assert!(
            stderr(&output).contains("workstation.json"),
            "{}",
            stderr(&output)
        );
    }
    Ok(())
}

#[tokio::test]
async fn a_revoked_credential_ends_the_agent_and_its_kernels() -> Result<()> {
    let cloud = Cloud::start().await?;
    let mut workstation = Workstation::paired(&cloud, "machine").await?;
    let _room = Attached::idle(&cloud, &workstation, "revoke").await?;
    let id = workstation.credential()?["credential_id"]
        .as_str()
        .context("no id")?
        .to_owned();
    let path = format!("/api/workstations/credentials/{id}/revoke");
    cloud.ok(Method::POST, &path, None).await?;
    cloud.ok(Method::POST, &path, None).await?;
    let code = workstation
        .ended(LIMIT)
        .await
        .with_context(|| workstation.log())?;
    assert_eq!(code, Some(77), "{}", workstation.log());
    assert!(
        workstation.log().contains("revoked") || workstation.log().contains("connect"),
        "{}",
        workstation.log()
    );
    until("the kernel to be gone", LIMIT, async || {
        Ok(workstation.processes("ipykernel").is_empty().then_some(()))
    })
    .await?;
    Ok(())
}

#[tokio::test]
async fn an_interpreter_without_ipykernel_is_explained_and_the_queue_does_not_hang() -> Result<()> {
    let cloud = Cloud::start().await?;
    let bare = cloud.folder("bare");
    let made = Command::new(test_python())
        .args(["-m", "venv", "--without-pip"])
        .arg(&bare)
        .status()
        .await?;
    assert!(made.success());
    let mut workstation = Workstation::new(&cloud, "machine");
    workstation.connect(&cloud).await?;
    workstation.start(&bare.join("bin/python"))?;
    workstation.online(&cloud).await?;
    let notebook = cloud.create_notebook("bare").await?;
    let room = Room::join(&cloud, &notebook).await?;
    cloud.attach(&notebook, &workstation.id()?).await?;
    let execution = room.run("print('never')", LIMIT).await?;
    assert!(
        execution.status == "cancelled" || execution.status == "error",
        "{execution:?}"
    );
    room.runtime_is(&["kernel", "error_reason"], "missing_ipykernel", LIMIT)
        .await?;
    let details = room.runtime_at(&["kernel", "error_details"]);
    assert!(
        details
            .as_str()
            .unwrap_or_default()
            .contains("pip install ipykernel"),
        "{details}"
    );
    workstation.stop().await?;
    Ok(())
}

#[tokio::test]
async fn a_peer_without_an_interpreter_says_so_and_the_queue_does_not_hang() -> Result<()> {
    let cloud = Cloud::start().await?;
    let notebook = cloud.create_notebook("no interpreter").await?;
    let row =
        json!({ "subject_kind": "principal", "subject": "user:dev:ada", "scope": "runtime_peer" });
    cloud
        .ok(Method::POST, &format!("/api/n/{notebook}/acl"), Some(row))
        .await?;
    let room = Room::join(&cloud, &notebook).await?;
    let mut peer = Command::new(program("runtimed")?)
        .args(["cloud-runtime-agent", "--auth-kind", "dev"])
        .args(["--cloud-url", &cloud.url(), "--notebook-id", &notebook])
        .env("RUNT_CLOUD_TOKEN", "development")
        .env("RUNT_CLOUD_DEV_USER", processes::USER)
        .env("XDG_STATE_HOME", cloud.folder("state"))
        .stderr(std::process::Stdio::null())
        .stdout(std::process::Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let mut said = tokio::io::BufReader::new(peer.stdout.take().context("no stdout")?).lines();
    let ready = tokio::time::timeout(LIMIT, said.next_line()).await??;
    assert_eq!(
        ready.as_deref(),
        Some("Infrastructure ready, entering main loop")
    );
    // More often than launches are tried in a row.
    for _ in 0..5 {
        let execution = room.run("print('never')", LIMIT).await?;
        assert_eq!(execution.status, "cancelled", "{execution:?}");
    }
    let details = room.runtime_at(&["kernel", "error_details"]);
    assert!(
        details
            .as_str()
            .unwrap_or_default()
            .contains("--python-path"),
        "{details}"
    );
    peer.kill().await?;
    Ok(())
}

#[tokio::test]
async fn a_viewer_cannot_run_and_a_stranger_cannot_enter() -> Result<()> {
    let cloud = Cloud::start().await?;
    let notebook = cloud.create_notebook("shared").await?;
    let row = json!({ "subject_kind": "principal", "subject": "user:dev:bob", "scope": "viewer" });
    let (status, reply) = cloud
        .call(Method::POST, &format!("/api/n/{notebook}/acl"), Some(row))
        .await?;
    assert!(status < 300, "{status} {reply}");
    assert!(
        Room::join_as(&cloud, &notebook, "eve", "viewer")
            .await
            .is_err(),
        "a stranger came in"
    );
    let viewer = Room::join_as(&cloud, &notebook, "bob", "owner").await?;
    assert_eq!(viewer.ready()["connection_scope"], "viewer");
    let request = json!({ "id": "r", "action": "execute_cell", "cell_id": "x" });
    let refused = viewer
        .request(request)
        .await
        .err()
        .context("a viewer may run")?;
    assert!(
        refused
            .to_string()
            .contains("viewer cannot write request frames"),
        "{refused}"
    );
    Ok(())
}

#[tokio::test]
async fn a_notebook_id_with_a_slash_is_refused() -> Result<()> {
    let cloud = Cloud::start().await?;
    for path in ["/api/n/a%2Fb", "/api/n/a/b/c", "/api/n/..%2F..%2Fetc"] {
        let (status, _) = cloud.call(Method::GET, path, None).await?;
        assert!((400..500).contains(&status), "{path} answered {status}");
    }
    assert!(
        Room::join_as(&cloud, "a%2Fb", "ada", "owner")
            .await
            .is_err()
    );
    Ok(())
}

#[tokio::test]
async fn secrets_stand_in_no_argument_and_in_no_log() -> Result<()> {
    let cloud = Cloud::start().await?;
    let mut workstation = Workstation::paired(&cloud, "machine").await?;
    let Attached { room, notebook, .. } = Attached::idle(&cloud, &workstation, "secrets").await?;
    let token = workstation.credential()?["token"]
        .as_str()
        .context("no token")?
        .to_owned();
    for pid in workstation.processes("") {
        let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        assert!(
            !String::from_utf8_lossy(&line).contains(&token),
            "the token is in the arguments of {pid}"
        );
    }
    for pid in workstation.processes("ipykernel") {
        let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        assert!(
            !String::from_utf8_lossy(&environment).contains(&token),
            "the kernel's environment holds the token"
        );
    }
    let execution = room
        .run(
            "import os; print([k for k in os.environ if 'RUNT' in k])",
            LIMIT,
        )
        .await?;
    assert_eq!(
        room.text(&cloud, &notebook, &execution, "stdout").await?,
        "[]\n"
    );
    workstation.stop().await?;
    for log in logs(&cloud.folder("")) {
        let text = std::fs::read(&log).unwrap_or_default();
        assert!(
            !String::from_utf8_lossy(&text).contains(&token),
            "{} holds the token",
            log.display()
        );
    }
    Ok(())
}

fn logs(folder: &Path) -> Vec<std::path::PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    entries
        .flatten()
        .map(|entry| entry.path())
        .flat_map(|path| {
            if path.is_dir() {
                logs(&path)
            } else {
                vec![path]
            }
        })
        .filter(|path| path.extension().is_some_and(|extension| extension == "log"))
        .collect()
}
