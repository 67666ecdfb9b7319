use super::*;

fn ok(input: &str) -> String {
    BaseUrl::parse(input, false).unwrap().as_str().to_owned()
}

// WS-045 WS-047
#[test]
fn ws_045_047_spaces_and_trailing_slashes_go() {
    assert_eq!(ok("  https://x///  "), "https://x");
    assert_eq!(ok("http://127.0.0.1:8000/"), "http://127.0.0.1:8000");
    assert_eq!(ok("https://x/base/"), "https://x/base");
}

// WS-046
#[test]
fn ws_046_other_schemes_are_refused_and_quoted() {
    for bad in ["ftp://x", "example.com", "", "HTTPS://x"] {
        let error = BaseUrl::parse(bad, true).unwrap_err();
        assert!(error.to_string().contains(&format!("{bad:?}")), "{error}");
    }
}

#[test]
fn the_address_of_a_page_is_that_of_its_cloud() {
    let cloud = |input: &str| BaseUrl::parse(input, false).unwrap().without_page();
    for page in [
        "",
        "/",
        "/index.html",
        "/n",
        "/n/0b6c1d",
        "/n/0b6c1d/first-steps",
        "/n/n/r/3",
        "/workstations/",
        "/account",
        "/sign-in",
    ] {
        for base in ["https://x:8443", "https://x/base"] {
            assert_eq!(cloud(&format!("{base}{page}")).as_str(), base, "{page}");
        }
    }
    for other in ["https://x/foo", "https://n", "https://x/n/1/2/3/4"] {
        assert_eq!(cloud(other).as_str(), other);
    }
}

// WS-049
#[test]
fn ws_049_plain_http_only_on_loopback() {
    for good in ["http://localhost:1", "http://127.1.2.3", "http://[::1]:9"] {
        ok(good);
    }
    for bad in [
        "http://example.org",
        "http://10.0.0.1",
        "http://localhost.example.org",
    ] {
        assert!(
            matches!(BaseUrl::parse(bad, false), Err(BaseUrlError::Insecure(_))),
            "{bad}"
        );
        assert!(BaseUrl::parse(bad, true).is_ok(), "{bad}");
    }
}

// WS-050
#[test]
fn ws_050_extra_parts_are_refused() {
    for bad in [
        "https://a:b@x",
        "https://x?q=1",
        "https://x#f",
        "https://",
        "https://?x",
    ] {
        assert!(BaseUrl::parse(bad, false).is_err(), "{bad}");
    }
    let error = BaseUrl::parse("https://ada:hunter2@x", false).unwrap_err();
    assert!(!error.to_string().contains("hunter2"), "{error}");
}

// WS-159 RP-005
#[test]
fn ws_159_websocket_scheme_follows() {
    let base = BaseUrl::parse("https://x", false).unwrap();
    assert_eq!(base.join_ws("/n/1/sync"), "wss://x/n/1/sync");
    let base = BaseUrl::parse("https://x/", false).unwrap();
    assert_eq!(base.join_ws("/n/1/sync"), "wss://x/n/1/sync");
    let base = BaseUrl::parse("http://127.0.0.1:5", false).unwrap();
    assert_eq!(base.join_ws("/e"), "ws://127.0.0.1:5/e");
}

// WS-135 WS-282
#[test]
fn ws_135_282_segments_cannot_alter_the_path() {
    assert_eq!(encode_segment("ws-A.b_c~1"), "ws-A.b_c~1");
    assert_eq!(encode_segment("a/b?c ü"), "a%2Fb%3Fc%20%C3%BC");
    assert_eq!(encode_segment(".."), "%2E%2E");
}

#[test]
fn origins_compare_with_default_ports() {
    let a = BaseUrl::parse("https://x", false).unwrap();
    let b = BaseUrl::parse("https://x:443/base", false).unwrap();
    let c = BaseUrl::parse("https://y", false).unwrap();
    assert!(a.same_origin(&b));
    assert!(!a.same_origin(&c));
}
