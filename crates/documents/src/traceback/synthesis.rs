//! Reads frames out of a classic traceback's text.

use super::{Frame, RichTraceback, SourceLine};

/// Removes CSI and OSC sequences.
pub fn strip_ansi(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if c != '\u{1b}' {
            out.push(c);
            continue;
        }
        match chars.peek() {
            Some('[') => {
                chars.next();
                for c in chars.by_ref() {
                    if ('\u{40}'..='\u{7e}').contains(&c) {
                        break;
                    }
                }
            }
            Some(']') => {
                chars.next();
                while let Some(c) = chars.next() {
                    if c == '\u{7}' {
                        break;
                    }
                    if c == '\u{1b}' && chars.peek() == Some(&'\\') {
                        chars.next();
                        break;
                    }
                }
            }
            _ => {}
        }
    }
    out
}

/// Builds a rich payload from a classic traceback; `None` when no frame is recognised.
pub fn synthesize(ename: &str, evalue: &str, traceback: &[String]) -> Option<RichTraceback> {
    let mut text = strip_ansi(&traceback.join("\n"));
    let mut frames: Vec<Frame> = Vec::new();
    let mut exception = None;
    for line in text.lines() {
        if let Some(frame) = frame_start(line) {
            frames.push(frame);
        } else if let Some(found) = exception_line(line) {
            exception = Some(found);
        } else if let (Some(frame), Some(source)) = (frames.last_mut(), source_line(line)) {
            frame.lines.get_or_insert_default().push(source);
        }
    }
    if frames.is_empty() {
        return None;
    }
    let (found_name, found_value) = exception.unwrap_or_default();
    let ename = if ename.is_empty() {
        found_name
    } else {
        ename.to_owned()
    };
    let evalue = if evalue.is_empty() {
        found_value
    } else {
        evalue.to_owned()
    };
    let last = format!("{ename}: {evalue}");
    if !text.trim_end().ends_with(&last) {
        if !text.is_empty() && !text.ends_with('\n') {
            text.push('\n');
        }
        text.push_str(&last);
    }
    Some(RichTraceback {
        ename,
        evalue,
        frames,
        language: Some("python".to_owned()),
        text,
        execution: None,
        raw_text: None,
        syntax: None,
    })
}

fn frame(filename: String, lineno: u64, name: &str) -> Frame {
    let lower = filename.to_lowercase();
    let library = [
        "site-packages",
        "dist-packages",
        "/lib/python",
        "\\lib\\python",
        "python.framework",
    ]
    .iter()
    .any(|part| lower.contains(part));
    Frame {
        filename,
        lineno,
        name: name.to_owned(),
        execution_id: None,
        cell_id: None,
        execution_count: None,
        source_hash: None,
        source_ref: None,
        lines: None,
        library,
    }
}

fn frame_start(line: &str) -> Option<Frame> {
    let line = line.trim_start();
    if let Some(rest) = line.strip_prefix("File \"") {
        let (filename, rest) = rest.split_once('"')?;
        let (lineno, name) = line_and_name(rest)?;
        return Some(frame(
            filename.to_owned(),
            lineno,
            name.unwrap_or("<module>"),
        ));
    }
    if let Some(rest) = line.strip_prefix("Cell In[") {
        let (number, rest) = rest.split_once(']')?;
        number.parse::<u64>().ok()?;
        let (lineno, name) = line_and_name(rest)?;
        return Some(frame(
            format!("Cell In[{number}]"),
            lineno,
            name.unwrap_or("<cell>"),
        ));
    }
    if let Some(rest) = line.strip_prefix("<ipython-input-") {
        let (inside, rest) = rest.split_once('>')?;
        let number = inside.split('-').next()?;
        number.parse::<u64>().ok()?;
        let name = rest.strip_prefix(" in ")?.trim();
        return Some(frame(format!("<ipython-input-{number}>"), 0, name));
    }
    None
}

/// Reads `, line <n>[, in <name>]`.
fn line_and_name(rest: &str) -> Option<(u64, Option<&str>)> {
    let rest = rest.strip_prefix(", line ")?;
    let digits = rest
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(rest.len());
    let lineno = rest[..digits].parse().ok()?;
    let name = rest[digits..]
        .strip_prefix(", in ")
        .map(str::trim)
        .filter(|n| !n.is_empty());
    Some((lineno, name))
}

fn source_line(line: &str) -> Option<SourceLine> {
    let mut rest = line.trim_start();
    let mut highlight = false;
    for arrow in ["---->", "--->", "-->", "->", "→", "▸"] {
        if let Some(after) = rest.strip_prefix(arrow) {
            highlight = true;
            rest = after.trim_start();
            break;
        }
    }
    let digits = rest
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(rest.len());
    let lineno = rest[..digits].parse().ok()?;
    let rest = &rest[digits..];
    let source = if rest.is_empty() {
        ""
    } else {
        rest.strip_prefix(' ')?
    };
    Some(SourceLine {
        lineno,
        source: source.to_owned(),
        highlight,
    })
}

fn exception_line(line: &str) -> Option<(String, String)> {
    let (name, message) = line
        .split_once(": ")
        .or_else(|| line.strip_suffix(':').map(|n| (n, "")))?;
    let word = !name.is_empty()
        && name
            .chars()
            .all(|c| c.is_alphanumeric() || c == '_' || c == '.')
        && ["Error", "Warning", "Exception", "Interrupt", "Exit"]
            .iter()
            .any(|e| name.ends_with(e));
    word.then(|| (name.to_owned(), message.to_owned()))
}
