//! Sizes and times as people read them.

/// Bytes in the largest unit that leaves at least one.
pub fn bytes(count: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut value = count as f64;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    if unit < 3 || value >= 10.0 {
        format!("{value:.0} {}", UNITS[unit])
    } else {
        format!("{value:.1} {}", UNITS[unit])
    }
}

/// A time that has passed.
pub fn age(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3_600 => format!("{} min", seconds / 60),
        3_600..86_400 => format!("{} h {} min", seconds / 3_600, seconds % 3_600 / 60),
        _ => format!("{} d {} h", seconds / 86_400, seconds % 86_400 / 3_600),
    }
}

/// A number with its noun.
pub fn count(number: usize, one: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {one}{plural}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_times() {
        assert_eq!(
            ["0 B", "1 KiB", "84 MiB", "1.5 GiB", "12 GiB"],
            [0, 1024, 84 << 20, 3 << 29, 12 << 30]
                .map(bytes)
                .each_ref()
                .map(String::as_str)
        );
        assert_eq!(
            ["59 s", "1 min", "1 h 1 min", "2 d 1 h"],
            [59, 60, 3_660, 176_400]
                .map(age)
                .each_ref()
                .map(String::as_str)
        );
        assert_eq!([count(1, "job"), count(0, "job")], ["1 job", "0 jobs"]);
    }
}
