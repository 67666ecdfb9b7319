use axum::body::Body;

use super::*;
use crate::settings::Settings;

fn config(proxies: &[&str]) -> Config {
    let mut settings = Settings {
        data: Some("data".into()),
        ..Settings::default()
    };
    settings.proxy.trusted = proxies.iter().map(|&text| text.to_owned()).collect();
    Config::new(&settings, "127.0.0.1:80".parse().unwrap()).unwrap()
}

fn came(proxies: &[&str], peer: &str, headers: &[(&str, &str)]) -> (String, String) {
    let mut request = Request::builder().header("host", "inner:8080");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let mut request = request.body(Body::empty()).unwrap();
    let peer: SocketAddr = peer.parse().unwrap();
    request.extensions_mut().insert(ConnectInfo(peer));
    let client = settle(&config(proxies), &mut request);
    let host = request.headers()[header::HOST].to_str().unwrap().to_owned();
    let info = request.extensions().get::<ConnectInfo<SocketAddr>>();
    assert_eq!(info.unwrap().0.ip(), client.0);
    (client.0.to_string(), host)
}

#[test]
fn nobody_is_believed_unless_configured() {
    let told = [("x-forwarded-for", "1.2.3.4"), ("x-forwarded-host", "evil")];
    let direct = came(&[], "192.0.2.9:5", &told);
    assert_eq!(direct, ("192.0.2.9".into(), "inner:8080".into()));
    let other = came(&["10.0.0.0/8"], "192.0.2.9:5", &told);
    assert_eq!(other, ("192.0.2.9".into(), "inner:8080".into()));
}

#[test]
fn the_client_is_the_last_in_the_chain_that_is_no_proxy_of_ours() {
    let proxies = ["10.0.0.0/8", "127.0.0.1"];
    for (chain, client) in [
        ("203.0.113.7", "203.0.113.7"),
        ("6.6.6.6, 203.0.113.7, 10.0.0.2", "203.0.113.7"),
        ("203.0.113.7:4711", "203.0.113.7"),
        ("[2001:db8::1]:99", "2001:db8::1"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("203.0.113.7, nonsense", "127.0.0.1"),
        ("nonsense, 10.0.0.3", "10.0.0.3"),
        ("", "127.0.0.1"),
    ] {
        let (found, _) = came(&proxies, "127.0.0.1:5", &[("x-forwarded-for", chain)]);
        assert_eq!(found, client, "{chain}");
    }
    let two = [
        ("x-forwarded-for", "6.6.6.6"),
        ("x-forwarded-for", "203.0.113.7"),
    ];
    assert_eq!(came(&proxies, "127.0.0.1:5", &two).0, "203.0.113.7");
    assert_eq!(came(&proxies, "127.0.0.1:5", &[]).0, "127.0.0.1");
}

#[test]
fn a_proxy_may_say_which_host_was_asked_for() {
    let told = [("x-forwarded-host", "nb.example")];
    assert_eq!(came(&["127.0.0.1"], "127.0.0.1:5", &told).1, "nb.example");
}

#[test]
fn limits_count_an_ipv6_network_as_one() {
    let one = ClientAddress("2001:db8:1:2:3::4".parse().unwrap());
    let other = ClientAddress("2001:db8:1:2:ffff::".parse().unwrap());
    assert_eq!(one.counted(), other.counted());
    let four = ClientAddress("::ffff:1.2.3.4".parse().unwrap());
    assert_eq!(four.counted().to_string(), "1.2.3.4");
}
