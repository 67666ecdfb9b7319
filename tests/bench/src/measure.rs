//! What one run of a cell gave, and the arithmetic over several.

use std::time::Duration;

/// One execution as its client saw it.
#[derive(Default)]
pub struct Run {
    /// Its id in the room; empty for Jupyter Server.
    pub execution: String,
    /// From the request to the first output.
    pub first_output: Option<Duration>,
    /// From the request until the execution had ended and every output was there.
    pub total: Duration,
    /// All stream text, joined.
    pub text: String,
    /// Plain text of the rich outputs, in order.
    pub displays: Vec<String>,
}

/// The middle of some durations, in milliseconds.
pub fn median(values: &[Duration]) -> f64 {
    let sorted = sorted(values);
    match sorted.len() {
        0 => f64::NAN,
        n if n % 2 == 1 => sorted[n / 2],
        n => f64::midpoint(sorted[n / 2 - 1], sorted[n / 2]),
    }
}

/// The smallest of some durations that at least so many per cent do not exceed, in milliseconds.
pub fn percentile(values: &[Duration], per_cent: usize) -> f64 {
    let sorted = sorted(values);
    let rank = (sorted.len() * per_cent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied().unwrap_or(f64::NAN)
}

fn sorted(values: &[Duration]) -> Vec<f64> {
    let mut sorted: Vec<f64> = values
        .iter()
        .map(|value| value.as_secs_f64() * 1000.0)
        .collect();
    sorted.sort_by(f64::total_cmp);
    sorted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_95th_of_a_hundred_is_the_95th() {
        let values: Vec<Duration> = (1..=100).rev().map(Duration::from_millis).collect();
        let figures = [
            median(&values),
            percentile(&values, 95),
            percentile(&values[..1], 95),
        ];
        assert_eq!(
            figures.map(|figure| figure.to_string()),
            ["50.5", "95", "100"]
        );
        assert!(percentile(&[], 95).is_nan());
    }
}
