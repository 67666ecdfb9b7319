//! Positions between positions: upper-case hex byte strings (documents 4.5).

const TERMINATOR: u8 = 0x80;

/// The first position of an empty list, and what an absent position reads as.
pub const DEFAULT: &str = "80";

/// Returns a position after another; one that does not read gives `None`.
pub fn after(position: &str) -> Option<String> {
    after_bytes(&decode(position)?).map(|bytes| encode(&bytes))
}

/// Returns a position before another; one that does not read gives `None`.
pub fn before(position: &str) -> Option<String> {
    before_bytes(&decode(position)?).map(|bytes| encode(&bytes))
}

/// Returns a position between two; equal, swapped or unreadable ones give `None`.
pub fn between(left: &str, right: &str) -> Option<String> {
    between_bytes(&decode(left)?, &decode(right)?).map(|bytes| encode(&bytes))
}

/// Returns the position for inserting after index `after` of sorted positions (`None`: first).
pub fn position_for(sorted: &[&str], index_after: Option<usize>) -> String {
    let last_resort = || DEFAULT.to_owned();
    match index_after {
        None => sorted.first().map_or_else(last_resort, |first| {
            before(first).unwrap_or_else(last_resort)
        }),
        Some(index) => {
            let Some(here) = sorted.get(index).or_else(|| sorted.last()) else {
                return last_resort();
            };
            sorted
                .get(index + 1)
                .and_then(|next| between(here, next))
                .or_else(|| after(here))
                .unwrap_or_else(last_resort)
        }
    }
}

fn after_bytes(bytes: &[u8]) -> Option<Vec<u8>> {
    for (index, &byte) in bytes.iter().enumerate() {
        if byte < TERMINATOR {
            return Some([&bytes[..index], &[TERMINATOR]].concat());
        }
        if byte < 0xff {
            return Some([&bytes[..index], &[byte + 1, TERMINATOR]].concat());
        }
    }
    None
}

fn before_bytes(bytes: &[u8]) -> Option<Vec<u8>> {
    for (index, &byte) in bytes.iter().enumerate() {
        if byte > TERMINATOR {
            return Some([&bytes[..index], &[TERMINATOR]].concat());
        }
        if byte > 0 {
            return Some([&bytes[..index], &[byte - 1, TERMINATOR]].concat());
        }
    }
    None
}

fn between_bytes(left: &[u8], right: &[u8]) -> Option<Vec<u8>> {
    let shared = left.len().min(right.len()) - 1;
    for index in 0..shared {
        let (low, high) = (left[index], right[index]);
        if low > high {
            return None;
        }
        if high - low > 1 {
            let middle = low + (high - low) / 2;
            return Some([&left[..index], &[middle, TERMINATOR]].concat());
        }
        if high - low == 1 {
            let rest = after_bytes(&left[index + 1..])?;
            return Some([&left[..=index], &rest].concat());
        }
    }
    match left.len().cmp(&right.len()) {
        std::cmp::Ordering::Less if right[shared] >= TERMINATOR => {
            let rest = before_bytes(&right[left.len()..])?;
            Some([&right[..left.len()], &rest].concat())
        }
        std::cmp::Ordering::Greater if left[shared] < TERMINATOR => {
            let rest = after_bytes(&left[right.len()..])?;
            Some([&left[..right.len()], &rest].concat())
        }
        _ => None,
    }
}

fn decode(text: &str) -> Option<Vec<u8>> {
    if text.is_empty() || !text.len().is_multiple_of(2) || !text.is_ascii() {
        return None;
    }
    let digits = text.as_bytes().chunks_exact(2);
    digits
        .map(|pair| {
            let digit = |byte: u8| char::from(byte).to_digit(16);
            u8::try_from(digit(pair[0])? * 16 + digit(pair[1])?).ok()
        })
        .collect()
}

fn encode(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
            let _ = write!(text, "{byte:02X}");
            text
        })
}

#[cfg(test)]
mod tests;
