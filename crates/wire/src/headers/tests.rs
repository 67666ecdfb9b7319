use super::{ENVIRONMENT_POLICY, WORKSTATION_METADATA};

#[test]
fn rp_028_values_are_trimmed_and_cut() {
    let max: Vec<usize> = WORKSTATION_METADATA
        .iter()
        .map(|header| header.max)
        .collect();
    assert_eq!(max, [128, 128, 160, 160, 80, 512]);
    for header in WORKSTATION_METADATA {
        assert_eq!(
            header
                .accept(&format!("  {}  ", "x".repeat(600)))
                .unwrap()
                .len(),
            header.max
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
