use super::{
    DEFAULT_ENVIRONMENT, DISPLAY_NAME, ENVIRONMENT_POLICY, RUNTIME_SESSION_ID, WORKING_DIRECTORY,
    WORKSTATION_ID,
};

#[test]
fn rp_028_values_are_trimmed_and_cut() {
    for (header, max) in [
        (WORKSTATION_ID, 128),
        (RUNTIME_SESSION_ID, 128),
        (DISPLAY_NAME, 160),
        (DEFAULT_ENVIRONMENT, 160),
        (ENVIRONMENT_POLICY, 80),
        (WORKING_DIRECTORY, 512),
    ] {
        assert_eq!(
            header
                .accept(&format!("  {}  ", "x".repeat(600)))
                .unwrap()
                .len(),
            max
        );
        assert_eq!(header.accept("   "), None);
    }
    let policy = ENVIRONMENT_POLICY.accept(&"é".repeat(100)).unwrap();
    assert_eq!(policy.chars().count(), 80);
}

#[test]
fn illegal_values_are_not_sent() {
    assert_eq!(ENVIRONMENT_POLICY.send("größe"), None);
    assert_eq!(ENVIRONMENT_POLICY.send("a\nb"), None);
    assert_eq!(
        ENVIRONMENT_POLICY.send(" current_python "),
        Some("current_python".into())
    );
}
