//! The checks of the way to the cloud, each step of it by itself.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use cloud_client::{BaseUrl, CloudClient, CloudError, Probe, RefusalKind};
use serde_json::Value;
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;

use super::{Finding, Patient};
use crate::{
    CLOCK_HINT, Env, Fit, ResolvedCredential, clock_words, cloud_too_old, installed_build,
};

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
    let way = match proxy_of(&patient.env, base) {
        Some(proxy) => proxy_answers(&proxy).await,
        None => directly(base).await,
    };
    let is_open = way
        .iter()
        .all(|finding| finding.level != super::Level::Problem);
    findings.extend(way);
    if !is_open {
        return;
    }
    let client = match CloudClient::new(base.clone()) {
        Ok(client) => client,
        Err(error) => return findings.push(Finding::of_error("connection", &error)),
    };
    match client.probe("/api/health").await {
        Err(error) => return findings.push(unreachable(base, &error)),
        Ok(probe) => {
            findings.extend(clock(&probe));
            if let Some(wrong) = wrong_answer(base, &probe) {
                return findings.push(wrong);
            }
            findings.push(Finding::ok("answer", format!("{base} is a notebook cloud")));
            findings.extend(probe.json.as_ref().and_then(cloud_version));
        }
    }
    let client = client.with_token(credential.token.clone());
    match client.list_workstations().await {
        Err(error) => findings.push(refused(base, &error)),
        Ok(body) => {
            findings.push(Finding::ok("access", "the cloud accepts the credential"));
            findings.extend(own_version(&body));
            findings.extend(version(&body, &credential.workstation_id));
        }
    }
}

/// The proxy that the environment names for this address, as `HOST:PORT` or an address.
fn proxy_of(env: &Env, base: &BaseUrl) -> Option<String> {
    let (host, _) = base.host_and_port()?;
    let either = |name: &str| env.get(&name.to_lowercase()).or_else(|| env.get(name));
    let excepted = either("NO_PROXY")
        .unwrap_or_default()
        .split(',')
        .any(|name| {
            let name = name.trim().trim_start_matches('.');
            name == "*" || name == host || !name.is_empty() && host.ends_with(&format!(".{name}"))
        });
    let scheme = if base.as_str().starts_with("https") {
        "HTTPS_PROXY"
    } else {
        "HTTP_PROXY"
    };
    let named = either(scheme).or_else(|| either("ALL_PROXY"))?;
    (!excepted).then(|| named.to_owned())
}

async fn proxy_answers(proxy: &str) -> Vec<Finding> {
    let address = if proxy.contains("://") {
        proxy.to_owned()
    } else {
        format!("http://{proxy}")
    };
    // Names and passwords of proxies stay out of what is shown.
    let place = BaseUrl::host_and_port_of(&address);
    let Some((host, port)) = place else {
        return vec![Finding::problem(
            "proxy",
            "the proxy's address cannot be read",
            "mend HTTPS_PROXY, HTTP_PROXY or ALL_PROXY, or unset it",
        )];
    };
    vec![match connect(&host, port).await {
        Ok(()) => Finding::ok("proxy", format!("{host}:{port} takes connections")),
        Err(cause) => Finding::problem(
            "proxy",
            format!("the proxy {host}:{port} cannot be reached: {cause}"),
            "mend HTTPS_PROXY, HTTP_PROXY or ALL_PROXY, or except the cloud with NO_PROXY",
        ),
    }]
}

async fn directly(base: &BaseUrl) -> Vec<Finding> {
    let Some((host, port)) = base.host_and_port() else {
        return Vec::new();
    };
    let found = match timeout(LIMIT, lookup_host((host.as_str(), port))).await {
        Ok(Ok(found)) => Ok(found.map(|at| at.ip().to_string()).collect::<Vec<_>>()),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err("the name server does not answer".to_owned()),
    };
    let mut findings = vec![match found {
        Ok(addresses) => Finding::ok("dns", format!("{host} is {}", addresses.join(", "))),
        Err(cause) => {
            return vec![Finding::problem(
                "dns",
                format!("the name {host} is not found: {cause}"),
                "check the address, the network and its name server; behind a proxy, set HTTPS_PROXY",
            )];
        }
    }];
    findings.push(match connect(&host, port).await {
        Ok(()) => Finding::ok("connection", format!("{host}:{port} takes connections")),
        Err(cause) => Finding::problem(
            "connection",
            format!("{host}:{port} cannot be reached: {cause}"),
            "check that the cloud runs and that no firewall is between; behind a proxy, set HTTPS_PROXY",
        ),
    });
    findings
}

async fn connect(host: &str, port: u16) -> Result<(), String> {
    match timeout(LIMIT, TcpStream::connect((host, port))).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err(format!(
            "nothing answers within {} seconds",
            LIMIT.as_secs()
        )),
    }
}

/// The connection stands and yet there is no answer: mostly the certificate.
fn unreachable(base: &BaseUrl, error: &CloudError) -> Finding {
    let text = error.to_string();
    let lower = text.to_lowercase();
    if lower.contains("notvalidyet") || lower.contains("expired") {
        return Finding::problem(
            "certificate",
            text,
            "check this machine's clock; if it is right, the cloud's certificate has to be renewed",
        );
    }
    if lower.contains("certificate") || lower.contains("unknownissuer") {
        return Finding::problem(
            "certificate",
            text,
            "if the network or the cloud has a certificate authority of its own, name its file with SSL_CERT_FILE",
        );
    }
    Finding::problem(
        "connection",
        text,
        format!(
            "check that {base} is the address in your browser; a proxy or firewall may cut the connection"
        ),
    )
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
        _ => Finding::of_error("access", error),
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
    fn proxies_come_from_the_environment_with_their_exceptions() {
        let named = |pairs: &[(&str, &str)]| {
            let mut all = [("A", "a"), ("B", "b")];
            all[..pairs.len()].copy_from_slice(pairs);
            proxy_of(&Env::from_pairs(all), &base())
        };
        assert_eq!(named(&[]), None);
        assert_eq!(named(&[("https_proxy", "p:1")]).as_deref(), Some("p:1"));
        assert_eq!(named(&[("HTTP_PROXY", "p:1")]), None);
        for exception in ["cloud.example.org", ".example.org", "x, example.org", "*"] {
            assert_eq!(
                named(&[("ALL_PROXY", "p:1"), ("NO_PROXY", exception)]),
                None
            );
        }
    }

    #[test]
    fn an_old_build_is_told() {
        let row = |outdated: bool| json!({"workstations": [{"workstation_id": "w", "installed_build": "1", "latest_build": "2", "is_outdated": outdated}]});
        let level = |body: &Value, id| version(body, id).map(|finding| finding.level);
        assert_eq!(level(&row(true), "w"), Some(Level::Warning));
        assert_eq!(level(&row(false), "w"), Some(Level::Ok));
        assert_eq!(level(&row(true), "other"), None);
    }

    #[test]
    fn certificates_are_told_apart_from_other_failures() {
        let check = |cause: &str| {
            let error = CloudError::Unreachable {
                base: "b".into(),
                cause: cause.into(),
            };
            unreachable(&base(), &error)
        };
        assert_eq!(
            check("invalid peer certificate: UnknownIssuer").check,
            "certificate"
        );
        assert!(
            check("invalid peer certificate: Expired")
                .hint
                .unwrap()
                .contains("clock")
        );
        assert_eq!(check("connection reset").check, "connection");
    }
}
