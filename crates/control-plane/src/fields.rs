//! The vocabulary of request fields (2.2): snake_case with a camelCase twin, trimmed, bounded.

use serde_json::{Map, Value};

use crate::{Refusal, Result};

/// The members of a JSON object, read by the rules of 2.2.
#[derive(Debug, Clone, Copy)]
pub struct Fields<'a> {
    members: &'a Map<String, Value>,
    prefix: &'a str,
}

impl<'a> Fields<'a> {
    /// Reads an object whose fields are named as they are.
    pub fn new(members: &'a Map<String, Value>) -> Self {
        Self {
            members,
            prefix: "",
        }
    }

    /// Reads an object whose fields carry a prefix in messages (`environment.`).
    pub fn with_prefix(members: &'a Map<String, Value>, prefix: &'a str) -> Self {
        Self { members, prefix }
    }

    /// The value under the snake_case name, else under its camelCase twin; null counts as absent.
    pub fn get(&self, name: &str) -> Option<&'a Value> {
        let present = |key: &str| self.members.get(key).filter(|value| !value.is_null());
        present(name).or_else(|| present(&camel_case(name)))
    }

    /// A non-blank string of at most `bound` UTF-16 units, trimmed.
    pub fn required(&self, name: &str, bound: usize) -> Result<String> {
        let text = self
            .get(name)
            .and_then(Value::as_str)
            .map(str::trim)
            .unwrap_or_default();
        if text.is_empty() {
            return Err(self.refuse(name, "must be a non-empty string"));
        }
        self.bounded(name, text, bound)
    }

    /// A string of at most `bound` UTF-16 units, trimmed; absent, null and blank are none.
    pub fn optional(&self, name: &str, bound: usize) -> Result<Option<String>> {
        let Some(value) = self.get(name) else {
            return Ok(None);
        };
        let text = value
            .as_str()
            .ok_or_else(|| self.refuse(name, "must be a string"))?
            .trim();
        if text.is_empty() {
            return Ok(None);
        }
        self.bounded(name, text, bound).map(Some)
    }

    /// The same for words that nothing is found by, such as what a program said: a NUL in them is replaced, since what
    /// comes with them, such as the end of a job, must not be lost for it.
    pub fn optional_words(&self, name: &str, bound: usize) -> Result<Option<String>> {
        match self.get(name) {
            Some(Value::String(text)) if text.contains('\0') => {
                let words = text.replace('\0', "\u{FFFD}");
                let members = Map::from_iter([(name.to_owned(), Value::String(words))]);
                Fields::with_prefix(&members, self.prefix).optional(name, bound)
            }
            _ => self.optional(name, bound),
        }
    }

    /// An integer from zero up (the text says otherwise, as the reference's does).
    pub fn optional_count(&self, name: &str) -> Result<Option<i64>> {
        let Some(value) = self.get(name) else {
            return Ok(None);
        };
        integer(value)
            .filter(|number| *number >= 0)
            .map(Some)
            .ok_or_else(|| self.refuse(name, "must be a positive integer"))
    }

    /// An integer from 1 to `most`.
    pub fn bounded_integer(&self, name: &str, most: i64) -> Result<i64> {
        self.get(name)
            .and_then(integer)
            .filter(|number| (1..=most).contains(number))
            .ok_or_else(|| self.refuse(name, &format!("must be an integer from 1 to {most}")))
    }

    /// A safe integer from 1 up; absent is none.
    pub fn optional_positive(&self, name: &str) -> Result<Option<i64>> {
        let Some(value) = self.get(name) else {
            return Ok(None);
        };
        integer(value)
            .filter(|number| *number >= 1)
            .map(Some)
            .ok_or_else(|| self.refuse(name, "must be a positive safe integer"))
    }

    /// Whether the value is literally `true`.
    pub fn is_true(&self, name: &str) -> bool {
        self.get(name) == Some(&Value::Bool(true))
    }

    /// Whether the value is literally `false`.
    pub fn is_false(&self, name: &str) -> bool {
        self.get(name) == Some(&Value::Bool(false))
    }

    /// A refusal that names the field.
    pub fn refuse(&self, name: &str, what: &str) -> Refusal {
        Refusal::invalid(format!("{}{name} {what}", self.prefix))
    }

    fn bounded(&self, name: &str, text: &str, bound: usize) -> Result<String> {
        if text.encode_utf16().count() > bound {
            return Err(self.refuse(name, "is too long"));
        }
        if text.contains('\0') {
            return Err(self.refuse(name, "must not hold the character NUL (U+0000)"));
        }
        Ok(text.to_owned())
    }
}

/// Parses a `limit` query: absent or blank is `default`, more than `most` is `most`.
pub fn limit(text: Option<&str>, default: i64, most: i64) -> Result<i64> {
    let text = text.map(str::trim).unwrap_or_default();
    if text.is_empty() {
        return Ok(default);
    }
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    // Digits that overflow are simply very many.
    match text.parse::<i64>() {
        _ if !digits => Err(Refusal::invalid("limit must be a positive integer")),
        Ok(0) => Err(Refusal::invalid("limit must be a positive integer")),
        Ok(number) => Ok(number.min(most)),
        Err(_) => Ok(most),
    }
}

/// The largest integer JavaScript holds exactly.
const SAFE_INTEGER: i64 = 9_007_199_254_740_991;

fn integer(value: &Value) -> Option<i64> {
    let number = value.as_i64().or_else(|| {
        value
            .as_f64()
            .filter(|number| number.fract() == 0.0 && number.abs() < 1e15)
            .map(|n| n as i64)
    })?;
    (number.abs() <= SAFE_INTEGER).then_some(number)
}

fn camel_case(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    let mut upper = false;
    for symbol in name.chars() {
        if symbol == '_' {
            upper = true;
        } else if upper {
            out.extend(symbol.to_uppercase());
            upper = false;
        } else {
            out.push(symbol);
        }
    }
    out
}

#[cfg(test)]
mod tests;
