//! Reading the `Retry-After` header.

use std::time::Duration;

/// Longest wait that a header can ask for; more is taken for a mistake of the sender.
const MAX: Duration = Duration::from_hours(24);

/// Reads a `Retry-After` value: a number of seconds, or an HTTP date compared with `now_unix_ms`.
///
/// Values that cannot be understood (words, negative or infinite numbers) give `None`.
pub fn parse_retry_after(value: &str, now_unix_ms: i64) -> Option<Duration> {
    let value = value.trim();
    if let Ok(seconds) = value.parse::<f64>() {
        if !seconds.is_finite() || seconds < 0.0 {
            return None;
        }
        let ms = (seconds * 1000.0).ceil().min(MAX.as_millis() as f64);
        return Some(Duration::from_millis(ms as u64));
    }
    let date = jiff::fmt::rfc2822::parse(value).ok()?;
    let ahead = date
        .timestamp()
        .as_millisecond()
        .saturating_sub(now_unix_ms);
    Some(Duration::from_millis(ahead.max(0) as u64).min(MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(value: &str) -> Option<u128> {
        parse_retry_after(value, 1_445_412_470_000).map(|d| d.as_millis())
    }

    // WS-249 WS-251
    #[test]
    fn ws_249_251_seconds() {
        assert_eq!(ms("2"), Some(2000));
        assert_eq!(ms("0"), Some(0));
        assert_eq!(ms("1.2345"), Some(1235));
        for odd in ["banana", "-5", "inf", "NaN", ""] {
            assert_eq!(ms(odd), None, "{odd}");
        }
    }

    // WS-250
    #[test]
    fn ws_250_dates() {
        assert_eq!(ms("Wed, 21 Oct 2015 07:28:00 GMT"), Some(10_000));
        assert_eq!(ms("Wed, 21 Oct 2015 07:00:00 GMT"), Some(0));
    }
}
