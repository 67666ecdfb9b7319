//! The example files for nginx and Caddy, with the real proxies between everybody and the real server: the page and the
//! frame for outputs on two hosts, pairing, and a cell that runs over sockets through the proxy.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use processes::{Attached, Cloud, Workstation, test_python, until};
use tokio::net::TcpListener;
use tokio::process::{Child, Command};

const LIMIT: Duration = Duration::from_secs(60);

/// A proxy that is installed here, as its example file says it should be.
struct Proxy {
    _process: Child,
    _folder: tempfile::TempDir,
    certificate: PathBuf,
    port: u16,
}

/// A port that was free a moment ago.
async fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0").await?.local_addr()?.port())
}

fn example(name: &str) -> Result<String> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../deploy")
        .join(name);
    std::fs::read_to_string(&file).with_context(|| file.display().to_string())
}

/// Puts another text in the place of one that the example must hold.
fn put(text: &mut String, old: &str, new: &str) -> Result<()> {
    ensure!(text.contains(old), "the example does not hold `{old}`");
    *text = text.replace(old, new);
    Ok(())
}

impl Proxy {
    async fn start(program: &str, port: u16, cloud: &Cloud) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let at = |name: &str| folder.path().join(name);
        let shown = |name: &str| at(name).display().to_string();
        let names = ["127.0.0.1".to_owned(), "localhost".to_owned()];
        let signed = rcgen::generate_simple_self_signed(names)?;
        std::fs::write(at("cert.pem"), signed.cert.pem())?;
        std::fs::write(at("key.pem"), signed.signing_key.serialize_pem())?;
        let mut command = Command::new(program);
        if program == "nginx" {
            let mut site = example("nginx.conf")?;
            put(&mut site, "notebooks.example.org", "127.0.0.1")?;
            put(&mut site, "outputs.example.org", "localhost")?;
            put(
                &mut site,
                "server 127.0.0.1:8080;",
                &format!("server {};", cloud.address()),
            )?;
            put(
                &mut site,
                "listen 443 ssl;",
                &format!("listen 127.0.0.1:{port} ssl;"),
            )?;
            put(
                &mut site,
                "listen 80;",
                &format!("listen 127.0.0.1:{};", free_port().await?),
            )?;
            put(
                &mut site,
                "/etc/ssl/notebook-cloud",
                &folder.path().display().to_string(),
            )?;
            let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
                .map(|kind| format!("{kind}_temp_path {};\n", shown(kind)))
                .concat();
            // One process: workers would outlive a master that is killed.
            let main = format!(
                "daemon off;\nmaster_process off;\npid {};\nerror_log stderr;\nevents {{}}\nhttp {{\naccess_log off;\n{temporary}{site}\n}}\n",
                shown("pid")
            );
            std::fs::write(at("nginx.conf"), main)?;
            command
                .arg("-c")
                .arg(at("nginx.conf"))
                .arg("-p")
                .arg(folder.path());
        } else {
            let mut site = example("Caddyfile")?;
            let hosts = "notebooks.example.org, outputs.example.org {\n";
            // Nobody signs a certificate for these names.
            let ours = format!(
                "{{\n\tadmin off\n\tauto_https disable_redirects\n}}\n\n\
                 https://127.0.0.1:{port}, https://localhost:{port} {{\n\ttls {} {}\n",
                shown("cert.pem"),
                shown("key.pem")
            );
            put(&mut site, hosts, &ours)?;
            put(
                &mut site,
                "reverse_proxy 127.0.0.1:8080",
                &format!("reverse_proxy {}", cloud.address()),
            )?;
            std::fs::write(at("Caddyfile"), site)?;
            command
                .args(["run", "--adapter", "caddyfile", "--config"])
                .arg(at("Caddyfile"))
                .env("HOME", folder.path())
                .env("XDG_DATA_HOME", at("data"))
                .env("XDG_CONFIG_HOME", at("config"));
        }
        let log = std::fs::File::create(at("log"))?;
        let process = command
            .stdin(Stdio::null())
            .stdout(Stdio::from(log.try_clone()?))
            .stderr(Stdio::from(log))
            .kill_on_drop(true)
            .spawn()?;
        let said = at("log");
        let proxy = Self {
            _process: process,
            certificate: at("cert.pem"),
            _folder: folder,
            port,
        };
        until("the proxy to lead to the server", LIMIT, async || {
            let answer = proxy.get("127.0.0.1", "/readyz").await;
            let answer =
                answer.with_context(|| std::fs::read_to_string(&said).unwrap_or_default())?;
            Ok(answer.status().is_success().then_some(()))
        })
        .await?;
        Ok(proxy)
    }

    fn url(&self, host: &str) -> String {
        format!("https://{host}:{}", self.port)
    }

    async fn get(&self, host: &str, path: &str) -> Result<reqwest::Response> {
        let trusted = reqwest::Certificate::from_pem(&std::fs::read(&self.certificate)?)?;
        let client = reqwest::Client::builder()
            .tls_certs_only([trusted])
            .no_proxy()
            .build()?;
        Ok(client.get(self.url(host) + path).send().await?)
    }
}

/// Whether the proxy is here; a test without it says so.
fn installed(program: &str) -> bool {
    let found = std::process::Command::new(program)
        .arg(if program == "nginx" { "-v" } else { "version" })
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    if !found {
        println!("skipped: {program} is not installed");
    }
    found
}

async fn leads_to_a_running_cell(program: &str) -> Result<()> {
    if !installed(program) {
        return Ok(());
    }
    processes::http_client()?;
    let port = free_port().await?;
    let cloud = Cloud::start_with(&[
        "--public-url",
        &format!("https://127.0.0.1:{port}"),
        "--output-origin",
        &format!("https://localhost:{port}"),
        "--set",
        "proxy.trusted=127.0.0.1",
    ])
    .await?;
    let proxy = Proxy::start(program, port, &cloud).await?;

    let page = proxy.get("127.0.0.1", "/").await?;
    let policy = page.headers()["content-security-policy"]
        .to_str()?
        .to_owned();
    ensure!(policy.contains(&proxy.url("localhost")), "{policy}");
    ensure!(page.text().await?.contains("<script"));
    ensure!(proxy.get("localhost", "/output-frame.html").await?.status() == 200);
    ensure!(proxy.get("localhost", "/api/health").await?.status() == 421);
    ensure!(proxy.get("127.0.0.1", "/output-frame.html").await?.status() == 404);

    let mut workstation = Workstation::new(&cloud, "machine");
    workstation.set("SSL_CERT_FILE", &proxy.certificate);
    workstation
        .connect_through(&cloud, &proxy.url("127.0.0.1"))
        .await?;
    workstation.start(&test_python())?;
    workstation.online(&cloud).await?;
    let Attached {
        room, notebook: id, ..
    } = Attached::idle(&cloud, &workstation, "through a proxy").await?;
    // Larger than what a proxy lets through in one piece, and than what an output holds inline.
    let shown = room.run("print('lines' * 1_000_000)", LIMIT).await?;
    let text = room.text(&cloud, &id, &shown, "stdout").await?;
    assert_eq!((shown.status.as_str(), text.len()), ("done", 5_000_001));
    workstation.stop().await?;
    Ok(())
}

#[tokio::test]
async fn the_example_for_nginx_leads_to_a_running_cell() -> Result<()> {
    leads_to_a_running_cell("nginx").await
}

#[tokio::test]
async fn the_example_for_caddy_leads_to_a_running_cell() -> Result<()> {
    leads_to_a_running_cell("caddy").await
}
