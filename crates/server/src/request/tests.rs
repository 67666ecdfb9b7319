use super::*;

#[test]
fn escapes_are_decoded_once() {
    assert_eq!(
        percent_decode("a%2Fb%20c%2525").as_deref(),
        Some("a/b c%25")
    );
}

#[test]
fn cp_092_a_malformed_escape_is_no_text() {
    for text in ["%", "%4", "%zz", "%ff"] {
        assert_eq!(percent_decode(text), None, "{text}");
    }
}

#[test]
fn query_values_are_decoded_and_the_first_wins() {
    assert_eq!(
        query_value("a=1&b=x%20y+z&b=2", "b").as_deref(),
        Some("x y z")
    );
    assert_eq!(query_value("flag", "flag").as_deref(), Some(""));
    assert_eq!(query_value("a=1", "b"), None);
}
