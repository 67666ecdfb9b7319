use super::*;

fn options() -> ServeOptions {
    ServeOptions {
        listen: "127.0.0.1:0".into(),
        data: PathBuf::from("data"),
        dev_identity: false,
        public_url: None,
        output_origin: None,
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
