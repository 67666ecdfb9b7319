use super::Proxies;
use crate::BaseUrl;

/// The proxy before an address, as it is shown, where these variables are set.
fn before(address: &str, variables: &[(&str, &str)]) -> Option<String> {
    let base = BaseUrl::parse(address, true).unwrap();
    let proxy = Proxies::find(lookup(variables)).before(&base).unwrap();
    proxy.map(|proxy| proxy.to_string())
}

fn lookup(variables: &[(&str, &str)]) -> impl Fn(&str) -> Option<String> {
    |name| {
        let found = variables.iter().find(|(set, _)| *set == name);
        found.map(|(_, value)| (*value).to_owned())
    }
}

const CLOUD: &str = "https://cloud.example.org";

#[test]
fn each_scheme_has_its_variable_and_lower_case_comes_first() {
    assert_eq!(before(CLOUD, &[]), None);
    assert_eq!(before(CLOUD, &[("HTTP_PROXY", "p:1")]), None);
    let http = "http://cloud.example.org";
    assert_eq!(before(http, &[("HTTPS_PROXY", "p:1")]), None);
    let all = [
        ("ALL_PROXY", "p:1"),
        ("HTTPS_PROXY", "p:2"),
        ("https_proxy", "p:3"),
    ];
    assert_eq!(before(CLOUD, &all[..1]).unwrap(), "http://p:1");
    assert_eq!(before(CLOUD, &all[..2]).unwrap(), "http://p:2");
    assert_eq!(before(CLOUD, &all).unwrap(), "http://p:3");
    assert_eq!(before(http, &all).unwrap(), "http://p:1");
    assert_eq!(before(CLOUD, &[("https_proxy", " ")]), None);
}

#[test]
fn exceptions_are_hosts_suffixes_networks_and_ports() {
    let excepted = |address: &str, exceptions: &str| {
        before(address, &[("ALL_PROXY", "p:1"), ("no_proxy", exceptions)]).is_none()
    };
    for exceptions in [
        "cloud.example.org",
        ".example.org",
        "*.example.org",
        "x, Example.ORG",
        "x example.org.",
        "org:443",
        "*",
    ] {
        assert!(excepted(CLOUD, exceptions), "{exceptions}");
    }
    for exceptions in ["ample.org", "example.com", "a.cloud.example.org", "org:80"] {
        assert!(!excepted(CLOUD, exceptions), "{exceptions}");
    }
    assert!(excepted("https://10.1.2.3:8443", "10.0.0.0/8"));
    assert!(excepted("https://10.1.2.3:8443", "10.1.2.3:8443"));
    assert!(!excepted("https://10.1.2.3:8443", "10.1.2.3:443"));
    assert!(!excepted("https://10.1.2.3", "10.1.2.4, 11.0.0.0/8, 2.3"));
    assert!(excepted("https://[fd00::7]", "fd00::/8"));
    assert!(excepted("https://[fd00::7]", "fd00::7"));
    assert!(excepted("https://[fd00::7]:9", "[fd00::7]:9"));
    assert!(!excepted("https://[fd00::7]", "[fd00::7]:9"));
}

#[test]
fn this_machine_is_reached_directly() {
    for address in [
        "http://localhost:8080",
        "http://a.localhost",
        "http://127.0.0.2",
        "http://[::1]:1",
    ] {
        assert_eq!(before(address, &[("ALL_PROXY", "p:1")]), None, "{address}");
    }
}

#[test]
fn passwords_are_never_shown_and_what_is_no_proxy_is_named() {
    let variables = [("ALL_PROXY", "socks5h://ada:secret@[::2]")];
    assert_eq!(before(CLOUD, &variables).unwrap(), "socks5h://[::2]:1080");
    let base = BaseUrl::parse(CLOUD, false).unwrap();
    let proxies = Proxies::find(lookup(&variables));
    let shown = format!("{proxies:?} {:?}", proxies.before(&base));
    assert!(!shown.contains("secret"), "{shown}");
    for wrong in [
        "ftp://ada:secret@p:1",
        "http://ada:secret@",
        "http://p:secret",
        "socks4://ada:secret@p",
    ] {
        let proxies = Proxies::find(lookup(&[("https_proxy", wrong)]));
        let error = proxies.before(&base).unwrap_err().to_string();
        assert!(error.contains("https_proxy"), "{error}");
        assert!(!error.contains("secret"), "{error}");
    }
}
