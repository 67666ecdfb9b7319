use super::*;

fn allowed(own: &str) -> AllowedOrigins<'static> {
    AllowedOrigins {
        own: Origin::parse(own),
        public: None,
        output: None,
        other_loopback: true,
    }
}

#[test]
fn cp_023_loopback_is_three_names_with_any_port() {
    for text in [
        "http://localhost:1",
        "http://127.0.0.1",
        "http://[::1]:8080",
    ] {
        assert!(Origin::parse(text).unwrap().is_loopback(), "{text}");
    }
    for text in [
        "http://127.0.0.2",
        "http://localhost.example",
        "http://10.0.0.1",
    ] {
        assert!(!Origin::parse(text).unwrap().is_loopback(), "{text}");
    }
}

#[test]
fn cp_072_cp_073_cp_074_mutation_origins() {
    let rule = allowed("https://cloud.example");
    assert!(rule.check_mutation(None).is_ok());
    assert!(rule.check_mutation(Some("https://cloud.example")).is_ok());
    assert!(
        rule.check_mutation(Some("https://cloud.example:443"))
            .is_ok()
    );
    for foreign in [
        "null",
        "nonsense",
        "https://evil.example",
        "http://cloud.example",
        "",
    ] {
        let refused = rule.check_mutation(Some(foreign)).unwrap_err();
        assert_eq!(refused.text(), "request origin is not allowed", "{foreign}");
        assert_eq!(refused.status(), 403);
    }
}

#[test]
fn cp_075_another_loopback_port_may_mutate() {
    assert!(
        allowed("http://127.0.0.1:9")
            .check_mutation(Some("http://localhost:5173"))
            .is_ok()
    );
}

// HAZ-28: a cookie goes to every port of its host.
#[test]
fn with_a_session_only_the_page_itself_may_mutate() {
    let rule = AllowedOrigins {
        other_loopback: false,
        ..allowed("http://127.0.0.1:9")
    };
    for foreign in ["http://127.0.0.1:8888", "http://localhost:9"] {
        assert!(rule.check_mutation(Some(foreign)).is_err(), "{foreign}");
        assert!(rule.check_socket(Some(foreign), true).is_err(), "{foreign}");
    }
    assert!(rule.check_mutation(Some("http://127.0.0.1:9")).is_ok());
}

#[test]
fn cp_077_rp_025_a_foreign_or_unparsable_socket_origin_is_refused() {
    let rule = allowed("https://cloud.example");
    for foreign in ["null", "https://evil.example"] {
        let refused = rule.check_socket(Some(foreign), false).unwrap_err();
        assert_eq!(refused.text(), "websocket origin is not allowed");
    }
}

#[test]
fn cp_079_cp_059_rp_026_a_socket_without_origin_depends_on_the_credential() {
    let rule = allowed("https://cloud.example");
    assert!(rule.check_socket(None, false).is_ok());
    let refused = rule.check_socket(None, true).unwrap_err();
    assert_eq!(refused.text(), "websocket origin is required");
}

#[test]
fn cp_080_the_output_origin_is_refused_even_on_loopback() {
    let output = Origin::parse("http://localhost:9").unwrap();
    let rule = AllowedOrigins {
        own: Origin::parse("http://127.0.0.1:9"),
        public: None,
        output: Some(&output),
        other_loopback: true,
    };
    assert!(
        rule.check_socket(Some("http://localhost:9"), false)
            .is_err()
    );
    assert!(rule.check_mutation(Some("http://localhost:9")).is_err());
    assert!(rule.check_socket(Some("http://127.0.0.1:9"), false).is_ok());
}
