use super::*;

fn options() -> Settings {
    Settings {
        listen: "127.0.0.1:0".into(),
        data: Some("data".into()),
        ..Settings::default()
    }
}

fn bound(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

#[test]
fn on_loopback_outputs_live_on_the_other_name_of_this_machine() {
    let config = Config::new(&options(), bound("127.0.0.1:4567")).unwrap();
    assert_eq!(config.public.to_string(), "http://127.0.0.1:4567");
    assert_eq!(config.output.unwrap().to_string(), "http://localhost:4567");
}

#[test]
fn the_development_identity_needs_loopback() {
    let mut given = options();
    given.dev_identity = true;
    assert!(Config::new(&given, bound("127.0.0.1:1")).is_ok());
    let refused = Config::new(&given, bound("0.0.0.0:1")).unwrap_err();
    assert!(refused.to_string().contains("Hint:"), "{refused}");
}

#[test]
fn page_and_outputs_on_one_host_are_refused() {
    let mut given = options();
    given.public_url = Some("https://nb.example".into());
    given.output_origin = Some("https://nb.example:444".into());
    assert!(matches!(
        Config::new(&given, bound("0.0.0.0:1")),
        Err(ConfigError::OutputHost(_))
    ));
    given.output_origin = Some("https://out.example".into());
    assert!(Config::new(&given, bound("0.0.0.0:1")).is_ok());
}

#[test]
fn a_certificate_needs_its_key_and_makes_the_address_https() {
    let mut given = options();
    given.tls.cert = Some("cert.pem".into());
    assert!(matches!(
        Config::new(&given, bound("127.0.0.1:1")),
        Err(ConfigError::Tls("tls.cert"))
    ));
    given.tls.key = Some("key.pem".into());
    let config = Config::new(&given, bound("127.0.0.1:1")).unwrap();
    assert!(config.public.is_https());
    assert!(config.output.unwrap().is_https());
}

#[test]
fn proxies_are_addresses_or_networks() {
    let mut given = options();
    given.proxy.trusted = vec!["10.0.0.0/8".into(), "::1".into()];
    let config = Config::new(&given, bound("127.0.0.1:1")).unwrap();
    assert!(config.proxies[0].contains(&"10.1.2.3".parse::<IpAddr>().unwrap()));
    assert!(config.proxies[1].contains(&"::1".parse::<IpAddr>().unwrap()));
    given.proxy.trusted = vec!["proxy.example".into()];
    let refused = Config::new(&given, bound("127.0.0.1:1")).unwrap_err();
    assert!(refused.to_string().contains("`proxy.example`"), "{refused}");
}

#[test]
fn what_was_perhaps_not_meant_is_said() {
    let config = Config::new(&options(), bound("0.0.0.0:80")).unwrap();
    let warnings = config.warnings().join("\n");
    for words in ["--public-url", "not encrypted", "--output-origin"] {
        assert!(warnings.contains(words), "{warnings}");
    }
    let config = Config::new(&options(), bound("127.0.0.1:80")).unwrap();
    assert!(config.warnings().is_empty());
    let mut given = options();
    given.public_url = Some("https://nb.example".into());
    given.output_origin = Some("http://out.example".into());
    let config = Config::new(&given, bound("127.0.0.1:80")).unwrap();
    assert!(config.warnings()[0].contains("mix http and https"));
}

#[test]
fn the_databases_password_is_read_from_a_file_that_nobody_else_can_read() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("password");
    std::fs::write(&file, "hush\n").unwrap();
    let mut given = options();
    given.database = Some("postgres://cloud@db.example.org/cloud".into());
    given.database_password_file = Some(file.clone());
    for (mode, is_refused) in [(0o644, true), (0o600, false)] {
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
        let refused = matches!(database(&given), Err(ConfigError::OpenPassword(_)));
        assert_eq!(refused, is_refused, "{mode:o}");
    }
}
