//! Reading the audit trail: how much at a time, and from where on.

use crate::{Refusal, Result};

/// Lines in an answer, unless asked otherwise.
const LINES_DEFAULT: i64 = 100;
/// Lines in an answer at most.
const LINES_MAX: i64 = 500;

/// Checks the `limit` of a page.
pub fn limit(text: Option<&str>) -> Result<i64> {
    crate::fields::limit(text, LINES_DEFAULT, LINES_MAX)
}

/// Checks the `before` of a page: the number of a line.
pub fn before(text: Option<&str>) -> Result<Option<i64>> {
    let Some(text) = text.map(str::trim).filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    match text.parse::<i64>() {
        Ok(line) if line > 0 => Ok(Some(line)),
        _ => Err(Refusal::invalid("before must be a positive integer")),
    }
}
