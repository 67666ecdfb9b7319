//! The shape of codes.

use super::{code_from, normalise};

// CP-095
#[test]
fn cp_095_codes_are_three_groups_of_four_clear_symbols() {
    for seed in 0..=255_u8 {
        let code = code_from([seed.wrapping_mul(37); 16]);
        let groups: Vec<&str> = code.split('-').collect();
        assert_eq!(groups.len(), 3, "{code}");
        for group in groups {
            assert_eq!(group.len(), 4, "{code}");
            assert!(
                group
                    .chars()
                    .all(|c| "23456789ABCDEFGHJKMNPQRSTVWXYZ".contains(c)),
                "{code}"
            );
        }
    }
    assert_ne!(code_from([1; 16]), code_from([2; 16]));
}

// CP-100
#[test]
fn cp_100_codes_may_be_typed_loosely() {
    assert_eq!(normalise("z4ay cd2c\tds8p"), "Z4AYCD2CDS8P");
    assert_eq!(normalise("Z4AY-CD2C-DS8P"), normalise("z4aycd2cds8p"));
}
