//! Names that are safe as ids, folders and lock files (spec 2.3).

/// Lowers the case, keeps `a–z 0–9 . _ -`, turns each run of other characters into one `-`, strips `-` at both ends.
pub fn slug(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut in_run = false;
    for c in text.chars().flat_map(char::to_lowercase) {
        let kept = c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        if kept {
            out.push(c);
        } else if !in_run {
            out.push('-');
        }
        in_run = !kept;
    }
    out.trim_matches('-').to_owned()
}

#[cfg(test)]
mod tests {
    use super::slug;

    // WS-012 WS-013 WS-014 WS-015 WS-016 WS-017
    #[test]
    fn ws_012_013_014_015_016_017_slugs() {
        for (input, output) in [
            ("Job 123", "job-123"),
            ("a!-b", "a--b"),
            ("--keep--", "keep"),
            ("!!!", ""),
            ("a.b_c", "a.b_c"),
            ("a !?/ b", "a-b"),
            ("..", ".."),
            ("Zürich", "z-rich"),
        ] {
            assert_eq!(slug(input), output, "{input}");
        }
    }
}
