use proptest::prelude::*;

use super::UnixMs;

#[test]
fn formats_and_parses_the_wire_form() {
    let cases = [
        (0, "1970-01-01T00:00:00.000Z"),
        (1_767_323_045_678, "2026-01-02T03:04:05.678Z"),
        (951_782_400_000, "2000-02-29T00:00:00.000Z"),
        (-1, "1969-12-31T23:59:59.999Z"),
    ];
    for (ms, text) in cases {
        assert_eq!(UnixMs(ms).to_string(), text);
        assert_eq!(UnixMs::parse(text), Ok(UnixMs(ms)));
    }
}

#[test]
fn parses_other_fractions_and_offsets() {
    let expected = UnixMs::parse("2026-01-02T03:04:05.600Z").unwrap();
    for text in ["2026-01-02T03:04:05.6Z", "2026-01-02T05:04:05.600123+02:00"] {
        assert_eq!(UnixMs::parse(text), Ok(expected), "{text}");
    }
    for text in [
        "",
        "2026-01-02",
        "2026-13-02T03:04:05Z",
        "2026-02-30T03:04:05Z",
        "2026-01-02T03:04:05.Z",
    ] {
        assert!(UnixMs::parse(text).is_err(), "{text}");
    }
}

proptest! {
    #[test]
    fn text_round_trips(ms in 0_i64..253_402_300_799_999) {
        let text = UnixMs(ms).to_string();
        prop_assert_eq!(UnixMs::parse(&text), Ok(UnixMs(ms)));
    }

    #[test]
    fn parsing_never_panics(text in ".{0,40}") {
        let _ = UnixMs::parse(&text);
    }
}
