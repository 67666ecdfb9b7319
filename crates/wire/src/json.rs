//! JSON as kernels and other programs really write it.
//!
//! The grammar forbids what Python writes all the same: `NaN`, halves of surrogate pairs, bytes that are no UTF-8; and
//! the usual parser gives up on what nests deeper than 128. Refusing such a document would lose an output whole.

use serde_json::{Map, Number, Value};

/// How deep a document may nest: about as deep as Python itself writes. What walks over values is recursive and has
/// to come back from here on a thread's usual stack.
pub const DEEPEST: usize = 1000;
/// What Python writes for the floating-point values that JSON does not have.
const NO_NUMBERS: [&str; 3] = ["NaN", "Infinity", "-Infinity"];

/// Parses a document; one that is no strict JSON is read as what it means, or most nearly means: bytes that are no
/// UTF-8 and halves of surrogate pairs become U+FFFD, numbers that JSON does not have become `null`.
///
/// # Errors
/// It cannot be read in either way; the error is that of the strict reading.
pub fn parse(document: &[u8]) -> Result<Value, serde_json::Error> {
    serde_json::from_slice(document).or_else(|error| {
        let text = String::from_utf8_lossy(document);
        Parser::new(&text, true).document().ok_or(error)
    })
}

/// Parses strict JSON, which may nest as deep as [`DEEPEST`].
///
/// # Errors
/// It is no JSON, or nests deeper.
pub fn parse_strict(document: &str) -> Result<Value, serde_json::Error> {
    serde_json::from_str(document)
        .or_else(|error| Parser::new(document, false).document().ok_or(error))
}

/// Reads a value from strict JSON, which may nest as deep as [`DEEPEST`].
///
/// # Errors
/// It is no JSON, nests deeper, or is another value.
pub fn from_slice<T: serde::de::DeserializeOwned>(document: &[u8]) -> Result<T, serde_json::Error> {
    serde_json::from_slice(document).or_else(|error| {
        let Some(value) = str::from_utf8(document)
            .ok()
            .and_then(|text| parse_strict(text).ok())
        else {
            return Err(error);
        };
        serde_json::from_value(value)
    })
}

/// What has begun and has not ended. A list of these in place of recursion: no document overflows the stack.
enum Open {
    Array(Vec<Value>),
    /// With the key of the value that comes next.
    Object(Map<String, Value>, String),
}

/// What comes after a value.
enum Next {
    /// Another one.
    Value,
    /// Nothing: this is the document.
    End(Value),
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    /// Whether what the grammar forbids is read all the same.
    is_tolerant: bool,
}

impl<'a> Parser<'a> {
    fn new(text: &'a str, is_tolerant: bool) -> Self {
        Self {
            text,
            at: 0,
            is_tolerant,
        }
    }

    fn document(mut self) -> Option<Value> {
        let mut open: Vec<Open> = Vec::new();
        loop {
            let value = if self.take("[") {
                if !self.take("]") {
                    open.push(Open::Array(Vec::new()));
                    (open.len() <= DEEPEST).then_some(())?;
                    continue;
                }
                Value::Array(Vec::new())
            } else if self.take("{") {
                if !self.take("}") {
                    open.push(Open::Object(Map::new(), self.key()?));
                    (open.len() <= DEEPEST).then_some(())?;
                    continue;
                }
                Value::Object(Map::new())
            } else {
                self.scalar()?
            };
            if let Next::End(whole) = self.put(value, &mut open)? {
                return Some(whole);
            }
        }
    }

    /// Puts a value where it belongs and ends what ends after it.
    fn put(&mut self, mut value: Value, open: &mut Vec<Open>) -> Option<Next> {
        loop {
            value = match open.pop() {
                None => return self.is_at_end().then_some(Next::End(value)),
                Some(Open::Array(mut items)) => {
                    items.push(value);
                    if self.take(",") {
                        open.push(Open::Array(items));
                        return Some(Next::Value);
                    }
                    self.take("]").then_some(Value::Array(items))?
                }
                Some(Open::Object(mut fields, key)) => {
                    fields.insert(key, value);
                    if self.take(",") {
                        open.push(Open::Object(fields, self.key()?));
                        return Some(Next::Value);
                    }
                    self.take("}").then_some(Value::Object(fields))?
                }
            }
        }
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn skip_space(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start_matches([' ', '\t', '\n', '\r']).len();
    }

    fn is_at_end(&mut self) -> bool {
        self.skip_space();
        self.rest().is_empty()
    }

    /// Goes past a word, if it is what comes next.
    fn take(&mut self, word: &str) -> bool {
        self.skip_space();
        let is_next = self.rest().starts_with(word);
        if is_next {
            self.at += word.len();
        }
        is_next
    }

    fn key(&mut self) -> Option<String> {
        let key = self.take("\"").then(|| self.string())??;
        self.take(":").then_some(key)
    }

    fn scalar(&mut self) -> Option<Value> {
        if self.take("\"") {
            return self.string().map(Value::String);
        }
        let words = [
            ("null", Value::Null),
            ("true", Value::Bool(true)),
            ("false", Value::Bool(false)),
        ];
        if let Some((_, value)) = words.into_iter().find(|(word, _)| self.take(word)) {
            return Some(value);
        }
        if self.is_tolerant && NO_NUMBERS.iter().any(|word| self.take(word)) {
            return Some(Value::Null);
        }
        self.number()
    }

    fn number(&mut self) -> Option<Value> {
        let rest = self.rest();
        let end = rest
            .find(|c: char| !c.is_ascii_digit() && !"+-.eE".contains(c))
            .unwrap_or(rest.len());
        let digits = &rest[..end];
        let number = match serde_json::from_str::<Number>(digits) {
            Ok(number) => Value::Number(number),
            // Larger than any that can be held.
            Err(_) if self.is_tolerant && digits.parse().is_ok_and(f64::is_infinite) => Value::Null,
            Err(_) => return None,
        };
        self.at += end;
        Some(number)
    }

    /// The text after a quotation mark.
    fn string(&mut self) -> Option<String> {
        let mut text = String::new();
        loop {
            let rest = self.rest();
            let end = rest.find(['"', '\\'])?;
            let plain = &rest[..end];
            if !self.is_tolerant && plain.contains(|c: char| c < ' ') {
                return None;
            }
            text.push_str(plain);
            let is_escape = rest[end..].starts_with('\\');
            self.at += end + 1;
            if !is_escape {
                return Some(text);
            }
            text.push(self.escaped()?);
        }
    }

    /// The character after a backslash.
    fn escaped(&mut self) -> Option<char> {
        let escape = self.rest().chars().next()?;
        self.at += escape.len_utf8();
        Some(match escape {
            '"' | '\\' | '/' => escape,
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'u' => {
                let unit = self.unit()?;
                let low = self.low_half(unit);
                match char::decode_utf16([Some(unit), low].into_iter().flatten()).next()? {
                    Ok(whole) => whole,
                    Err(_) if self.is_tolerant => char::REPLACEMENT_CHARACTER,
                    Err(_) => return None,
                }
            }
            _ => return None,
        })
    }

    /// Four hexadecimal digits.
    fn unit(&mut self) -> Option<u16> {
        let digits = self.rest().get(..4)?;
        let is_hex = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
        let unit = u16::from_str_radix(digits, 16).ok().filter(|_| is_hex)?;
        self.at += 4;
        Some(unit)
    }

    /// The second half of a pair, if the first half and then it are here.
    fn low_half(&mut self, high: u16) -> Option<u16> {
        let before = self.at;
        if !(0xd800..0xdc00).contains(&high) || !self.rest().starts_with("\\u") {
            return None;
        }
        self.at += 2;
        let low = self.unit().filter(|unit| (0xdc00..0xe000).contains(unit));
        if low.is_none() {
            self.at = before;
        }
        low
    }
}

#[cfg(test)]
mod tests;
