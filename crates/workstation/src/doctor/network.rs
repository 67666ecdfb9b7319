//! The checks of the way to the cloud, each step of it by itself.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use cloud_client::{
    BaseUrl, CloudClient, CloudError, Obstacle, Probe, Proxy, RefusalKind, dial_events,
};
use serde_json::Value;
use tokio::net::{TcpStream, ToSocketAddrs, lookup_host};
use tokio::time::timeout;

use super::{Finding, Patient};
use crate::{CLOCK_HINT, Fit, ResolvedCredential, clock_words, cloud_too_old, installed_build};

/// How long a name or a connection may take.
const LIMIT: Duration = Duration::from_secs(5);
/// Clocks that differ by more make certificates and tokens fail.
const LARGE_SKEW: Duration = Duration::from_mins(5);

pub(super) async fn examine(
    patient: &Patient,
    credential: &ResolvedCredential,
    findings: &mut Vec<Finding>,
) {
    let base = &credential.base;
    let settings = patient.settings.clone().unwrap_or_default();
    let network = match patient.env.network(None, &settings) {
        Ok(network) => network,
        Err(error) => return findings.push(Finding::of_error("certificate", &error)),
    };
    let way = match network.proxy_before(base) {
        Err(error) => return findings.push(Finding::of_error("proxy", &error)),
        Ok(Some(proxy)) => vec![proxy_answers(&proxy).await],
        Ok(None) => directly(base).await,
    };
    let is_open = way
        .iter()
        .all(|finding| finding.level != super::Level::Problem);
    findings.extend(way);
    if !is_open {
        return;
    }
    let client = match CloudClient::new(&network, base.clone()) {
        Ok(client) => client.with_token(credential.token.clone()),
        Err(error) => return findings.push(failed("certificate", &error)),
    };
    match client.probe("/api/health").await {
        Err(error) => return findings.push(failed("connection", &error)),
        Ok(probe) => {
            findings.extend(clock(&probe));
            if let Some(wrong) = wrong_answer(base, &probe) {
                return findings.push(wrong);
            }
            if base.as_str().starts_with("https") {
                findings.push(Finding::ok(
                    "certificate",
                    "valid, and of a known authority",
                ));
            }
            findings.push(Finding::ok("answer", format!("{base} is a notebook cloud")));
            findings.extend(probe.json.as_ref().and_then(cloud_version));
        }
    }
    match client.list_workstations().await {
        Err(error) => return findings.push(refused(base, &error)),
        Ok(body) => {
            findings.push(Finding::ok("access", "the cloud accepts the credential"));
            findings.extend(own_version(&body));
            findings.extend(version(&body, &credential.workstation_id));
        }
    }
    findings.extend(socket(&client, credential).await);
}

async fn proxy_answers(proxy: &Proxy) -> Finding {
    let variable = proxy.variable();
    let Some((host, port)) = proxy.host_and_port() else {
        return Finding::problem(
            "proxy",
            format!("the proxy of {variable} has no address"),
            format!("mend {variable}, or unset it"),
        );
    };
    match connect((host.as_str(), port)).await {
        Ok(()) => Finding::ok(
            "proxy",
            format!("{proxy} (from {variable}) takes connections"),
        ),
        Err(cause) => Finding::problem(
            "proxy",
            format!("the proxy {proxy} (from {variable}) cannot be reached: {cause}"),
            format!("mend {variable}, or except the cloud with NO_PROXY"),
        ),
    }
}

async fn directly(base: &BaseUrl) -> Vec<Finding> {
    let Some((host, port)) = base.host_and_port() else {
        return Vec::new();
    };
    let found = match timeout(LIMIT, lookup_host((host.as_str(), port))).await {
        Ok(Ok(found)) => Ok(found.collect::<Vec<_>>()),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err("the name server does not answer".to_owned()),
    };
    let addresses = match found {
        Ok(addresses) => addresses,
        Err(cause) => {
            return vec![Finding::problem(
                "dns",
                format!("the name {host} is not found: {cause}"),
                Obstacle::Name.hint(),
            )];
        }
    };
    let shown: Vec<String> = addresses.iter().map(|at| at.ip().to_string()).collect();
    let named = Finding::ok("dns", format!("{host} is {}", shown.join(", ")));
    // All at the same time: one that does not answer says nothing of the others.
    let tries = futures_util::future::join_all(addresses.into_iter().map(connect)).await;
    let silent = shown.iter().zip(&tries);
    let silent: Vec<String> = silent
        .filter_map(|(at, tried)| Some(format!("{at}: {}", tried.as_ref().err()?)))
        .collect();
    let text = silent.join("; ");
    vec![
        named,
        if silent.is_empty() && !tries.is_empty() {
            Finding::ok("connection", format!("{host}:{port} takes connections"))
        } else if silent.len() < tries.len() {
            Finding::warning(
                "connection",
                format!(
                    "{host}:{port} takes connections, but not at each of its addresses ({text})"
                ),
                "the others are used, after a moment; mend the name or the way to that address",
            )
        } else {
            Finding::problem(
                "connection",
                format!("{host}:{port} cannot be reached: {text}"),
                Obstacle::Connection.hint(),
            )
        },
    ]
}

async fn connect(at: impl ToSocketAddrs) -> Result<(), String> {
    match timeout(LIMIT, TcpStream::connect(at)).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err(format!(
            "nothing answers within {} seconds",
            LIMIT.as_secs()
        )),
    }
}

/// A call that came to nothing, under the check that its cause belongs to.
fn failed(usual: &'static str, error: &CloudError) -> Finding {
    let check = match error {
        CloudError::Unreachable { obstacle, .. } => match obstacle {
            Obstacle::Name => "dns",
            Obstacle::Connection => "connection",
            Obstacle::Proxy | Obstacle::ProxyLogin => "proxy",
            Obstacle::Authority
            | Obstacle::CertificateTime
            | Obstacle::CertificateName
            | Obstacle::Encryption => "certificate",
        },
        CloudError::Foreign { .. } => "answer",
        _ => usual,
    };
    Finding::of_error(check, error)
}

/// Whether WebSockets come through: some proxies let calls pass and these not. The agent's own socket is left alone.
async fn socket(client: &CloudClient, credential: &ResolvedCredential) -> Option<Finding> {
    let (id, token) = (&credential.workstation_id, &credential.token);
    let dialled = dial_events(client.network(), client.base(), id, token).await;
    let mut socket = match dialled {
        Ok(socket) => socket,
        // A machine that is not registered yet has no socket.
        Err(CloudError::Refused(refusal)) if refusal.in_cloud_words => return None,
        Err(error) => {
            let finding = failed("websocket", &error);
            return Some(Finding::problem(
                "websocket",
                format!(
                    "calls come through, but no WebSocket does: {}",
                    finding.message
                ),
                "the proxy or firewall has to let WebSockets to the cloud pass: notebooks cannot be served without",
            ));
        }
    };
    let heard = timeout(LIMIT, socket.next()).await;
    socket.close().await;
    Some(match heard {
        Ok(Ok(Some(_))) => Finding::ok("websocket", "WebSockets come through"),
        _ => Finding::problem(
            "websocket",
            "a WebSocket opens, but nothing comes through it",
            "a proxy or firewall holds back what WebSockets carry: it has to let those to the cloud pass",
        ),
    })
}

fn wrong_answer(base: &BaseUrl, probe: &Probe) -> Option<Finding> {
    if let (300..400, Some(location)) = (probe.status, &probe.location) {
        return Some(Finding::problem(
            "answer",
            format!("{base} sends on to {location}"),
            "sign in to the network if that is its portal; else pair with the address that your browser ends at",
        ));
    }
    let service = probe.json.as_ref().and_then(|body| body.get("service"));
    if probe.status == 200 && service.is_some() {
        return None;
    }
    Some(if probe.is_page {
        Finding::problem(
            "answer",
            format!("a web page answers in place of {base}: a sign-in portal or a proxy"),
            "open the address in a browser on this network and sign in, or set HTTPS_PROXY",
        )
    } else {
        Finding::problem(
            "answer",
            format!("{base} answers {} and is no notebook cloud", probe.status),
            "check the address; pair again with `runt workstation connect URL`",
        )
    })
}

fn clock(probe: &Probe) -> Option<Finding> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
    let ahead = i64::try_from(now.as_millis()).ok()? - probe.date_ms?;
    let skew = Duration::from_millis(ahead.unsigned_abs());
    // The header has whole seconds.
    Some(match clock_words(ahead) {
        Some(text) if skew > LARGE_SKEW => Finding::problem("clock", text, CLOCK_HINT),
        Some(text) => Finding::warning("clock", text, CLOCK_HINT),
        None => Finding::ok("clock", "agrees with the cloud's"),
    })
}

fn refused(base: &BaseUrl, error: &CloudError) -> Finding {
    match error.refusal().map(cloud_client::Refusal::kind) {
        Some(RefusalKind::Unauthorized | RefusalKind::Forbidden) => Finding::problem(
            "access",
            format!(
                "{base} rejects this machine's credential: it was revoked, replaced or has ended"
            ),
            format!("runt workstation connect {base}"),
        ),
        _ => failed("access", error),
    }
}

/// Whether the cloud is too old for this build.
fn cloud_version(health: &Value) -> Option<Finding> {
    let version = cloud_too_old(health)?;
    Some(Finding::problem(
        "version",
        format!("the cloud is version {version}, which is too old for this `runt`"),
        "ask whoever runs the cloud to upgrade it, or install the `runt` that it offers",
    ))
}

/// Whether the cloud still serves this build.
fn own_version(body: &Value) -> Option<Finding> {
    let fit = Fit::of(body, &installed_build());
    matches!(fit, Fit::TooOld { .. })
        .then(|| Finding::problem("version", fit.told().unwrap_or_default(), "runt upgrade"))
}

/// Whether the cloud knows a newer build than that of this machine's agent.
fn version(body: &Value, workstation_id: &str) -> Option<Finding> {
    let rows = body.get("workstations")?.as_array()?;
    let row = rows
        .iter()
        .find(|row| row["workstation_id"] == *workstation_id)?;
    let latest = row.get("latest_build").and_then(Value::as_str)?;
    let latest: String = latest.chars().filter(|c| !c.is_control()).collect();
    if row.get("is_outdated") == Some(&Value::Bool(true)) {
        let own = row.get("installed_build").and_then(Value::as_str);
        return Some(Finding::warning(
            "version",
            format!(
                "this machine runs {}, the newest is {latest}",
                own.unwrap_or("an unknown build")
            ),
            "runt upgrade",
        ));
    }
    Some(Finding::ok("version", format!("{latest} is the newest")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Level;
    use serde_json::json;

    fn base() -> BaseUrl {
        BaseUrl::parse("https://cloud.example.org", false).unwrap()
    }

    fn probe(status: u16) -> Probe {
        Probe {
            status,
            location: None,
            date_ms: None,
            json: None,
            is_page: false,
        }
    }

    #[test]
    fn what_answers_in_place_of_the_cloud_is_recognised() {
        let health = Probe {
            json: Some(json!({"status": "ok", "service": "x"})),
            ..probe(200)
        };
        assert_eq!(wrong_answer(&base(), &health), None);
        let portal = Probe {
            is_page: true,
            ..probe(200)
        };
        let text = wrong_answer(&base(), &portal).unwrap().message;
        assert!(text.contains("sign-in portal"), "{text}");
        let moved = Probe {
            location: Some("http://hotel.example/login".into()),
            ..probe(302)
        };
        let text = wrong_answer(&base(), &moved).unwrap().message;
        assert!(text.contains("hotel.example"), "{text}");
        let text = wrong_answer(&base(), &probe(404)).unwrap().message;
        assert!(text.contains("no notebook cloud"), "{text}");
    }

    #[test]
    fn clocks_are_compared() {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let level = |off: i64| {
            let date_ms = Some(now.as_millis() as i64 + off * 1000);
            clock(&Probe {
                date_ms,
                ..probe(200)
            })
            .map(|finding| finding.level)
        };
        assert_eq!(level(0), Some(Level::Ok));
        assert_eq!(level(-90), Some(Level::Warning));
        assert_eq!(level(3_600), Some(Level::Problem));
        assert_eq!(clock(&probe(200)), None);
    }

    #[test]
    fn an_old_build_is_told() {
        let row = |outdated: bool| json!({"workstations": [{"workstation_id": "w", "installed_build": "1", "latest_build": "2", "is_outdated": outdated}]});
        let level = |body: &Value, id| version(body, id).map(|finding| finding.level);
        assert_eq!(level(&row(true), "w"), Some(Level::Warning));
        assert_eq!(level(&row(false), "w"), Some(Level::Ok));
        assert_eq!(level(&row(true), "other"), None);
    }
}
