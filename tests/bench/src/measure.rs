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
    let mut sorted: Vec<f64> = values
        .iter()
        .map(|value| value.as_secs_f64() * 1000.0)
        .collect();
    sorted.sort_by(f64::total_cmp);
    match sorted.len() {
        0 => f64::NAN,
        n if n % 2 == 1 => sorted[n / 2],
        n => f64::midpoint(sorted[n / 2 - 1], sorted[n / 2]),
    }
}
