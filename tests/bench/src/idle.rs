//! What an agent costs a machine while it waits for work, over TLS as its user has it: memory, processor, and how long
//! it takes until it serves.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use processes::{Cloud, Workstation, describe_host, program};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

use crate::measure::median;

/// Starts of which the median is taken.
const STARTS: usize = 5;
/// How often the memory is looked at.
const LOOK: Duration = Duration::from_secs(10);
/// Ticks of the processor's time in a second, as the system counts them.
const TICKS: f64 = 100.0;
const MIB: f64 = 1024.0 * 1024.0;

/// Lets an agent wait for so many seconds and writes what it used.
pub async fn run(python: &Path, page: &Path, seconds: u64) -> Result<()> {
    let cloud = Cloud::start().await?;
    let (address, authority) = encrypt(&cloud).await?;
    let mut workstation = Workstation::new(&cloud, "machine");
    workstation.set("RUNT_CLOUD_CA_FILE", &authority);
    workstation.connect_through(&cloud, &address).await?;
    let mut starts = Vec::new();
    for _ in 0..STARTS {
        workstation.stop().await?;
        let begun = Instant::now();
        workstation.start(python)?;
        workstation.online(&cloud).await?;
        starts.push(begun.elapsed());
    }
    let agent = workstation.only("workstation-agent").await?;
    // What starting costs is not what waiting costs.
    sleep(LOOK).await;

    let (begun, spent, woken) = (Instant::now(), processor(agent)?, wake_ups(agent)?);
    let mut resident = Vec::new();
    while begun.elapsed() < Duration::from_secs(seconds) {
        sleep(LOOK.min(Duration::from_secs(seconds))).await;
        resident.push(memory(agent, "VmRSS:")?);
        eprintln!(
            "{:?}: {:.1} MiB",
            begun.elapsed(),
            resident.last().unwrap_or(&0.0)
        );
    }
    let waited = begun.elapsed().as_secs_f64();
    let spent = processor(agent)? - spent;
    let woken = wake_ups(agent)? - woken;
    let most = resident.iter().copied().fold(0.0, f64::max);

    let mut text = format!(
        "# An agent that waits\n\n\
         Written by `cargo xtask bench --idle-agent {seconds} --write`: a workstation's agent, connected to its cloud over \
         TLS, that has nothing to do for {waited:.0} seconds. {}\n\n| | |\n|---|---:|\n",
        describe_host()
    );
    let own = memory(agent, "RssAnon:")?;
    writeln!(text, "| resident memory, at most | {most:.1} MiB |")?;
    writeln!(
        text,
        "| of it its own, not of the program's file | {own:.1} MiB |"
    )?;
    writeln!(
        text,
        "| processor, of one core | {:.4} % |",
        100.0 * spent / waited
    )?;
    writeln!(
        text,
        "| wake-ups in a minute | {:.0} |",
        woken as f64 * 60.0 / waited
    )?;
    writeln!(
        text,
        "| `runt workstation run` → shown online (median of {STARTS}) | {:.0} ms |",
        median(&starts)
    )?;
    for name in ["runtimed", "runt", "notebook-cloud"] {
        let size = std::fs::metadata(program(name)?)?.len() as f64 / MIB;
        writeln!(text, "| size of `{name}` | {size:.1} MiB |")?;
    }
    std::fs::write(page, &text).with_context(|| page.display().to_string())?;
    println!("{text}");
    workstation.stop().await?;
    Ok(())
}

/// Listens with TLS before the cloud: the address, and the file of the certificate's authority.
async fn encrypt(cloud: &Cloud) -> Result<(String, PathBuf)> {
    let signed = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()])?;
    let file = cloud.folder("authority.pem");
    std::fs::write(&file, signed.cert.pem())?;
    let key = PrivateKeyDer::try_from(signed.signing_key.serialize_der())
        .map_err(|error| anyhow::anyhow!("{error}"))?;
    // The test client's provider is the process's by now.
    let config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![signed.cert.der().clone()], key)?;
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = format!("https://{}", listener.local_addr()?);
    let target = cloud.address().to_owned();
    tokio::spawn(async move {
        while let Ok((near, _)) = listener.accept().await {
            let (acceptor, target) = (acceptor.clone(), target.clone());
            tokio::spawn(async move {
                let mut near = acceptor.accept(near).await?;
                let mut far = TcpStream::connect(target).await?;
                copy_bidirectional(&mut near, &mut far).await
            });
        }
    });
    Ok((address, file))
}

/// A line of the process's status in MiB.
fn memory(pid: i32, name: &str) -> Result<f64> {
    Ok(status(pid, name)? as f64 * 1024.0 / MIB)
}

fn wake_ups(pid: i32) -> Result<u64> {
    status(pid, "voluntary_ctxt_switches:")
}

fn status(pid: i32, name: &str) -> Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find(|line| line.starts_with(name));
    let word = line.and_then(|line| line.split_whitespace().nth(1));
    Ok(word.with_context(|| format!("no {name}"))?.parse()?)
}

/// Seconds of the processor that the process has used.
fn processor(pid: i32) -> Result<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // After the name, which may hold anything: user and system time are the 12th and 13th.
    let (_, rest) = stat.rsplit_once(')').context("no name")?;
    let times = rest.split_whitespace().skip(11).take(2);
    let ticks: Result<Vec<f64>, _> = times.map(str::parse).collect();
    Ok(ticks?.iter().sum::<f64>() / TICKS)
}
