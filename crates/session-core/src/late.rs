//! Text that comes when its execution has ended already: after an interrupt, or while the link was away (decision D3).
//!
//! Outputs of an ended execution are append-only, so an entry that is there cannot grow. What it does not show yet
//! follows in entries of its own, whose ids derive from the entry's: a second reading of the journal finds them.

use documents::manifest::sha256_hex;
use serde_json::Value;

use crate::commit::OpKind;
use crate::lane::{Written, continuation_id};
use crate::session::Session;

impl Session {
    /// Appends what of an entry's text is neither in the entry nor in those that continue it.
    pub(crate) fn continue_text(
        &mut self,
        execution_id: &str,
        output_id: &str,
        stream: &Value,
        text: &str,
    ) {
        let Some(state) = self.state.as_ref() else {
            return;
        };
        let mut rest = text;
        let mut id = output_id.to_owned();
        for number in 1.. {
            let Some(shown) = state.doc.output(execution_id, &id) else {
                break;
            };
            rest = after(&shown["text"], rest);
            id = continuation_id(output_id, number);
        }
        if rest.is_empty() {
            return;
        }
        let name = stream.as_str().unwrap_or("stdout");
        let written = Written::new(id, name, rest.to_owned());
        let kind = OpKind::Output {
            execution_id: execution_id.to_owned(),
            output_id: written.output_id,
            manifest: written.manifest,
            text: None,
        };
        self.push_op_first(kind, written.blobs);
    }
}

/// What of a text is not shown yet by a stored one (a ContentRef). Where the two differ, since the text was written over
/// as on a terminal, it is all from the line in which they part.
fn after<'text>(stored: &Value, text: &'text str) -> &'text str {
    if let Some(inline) = stored["inline"].as_str() {
        return text
            .strip_prefix(inline)
            .unwrap_or_else(|| &text[common_lines(inline, text)..]);
    }
    let size = stored["size"].as_u64().unwrap_or_default();
    let size = usize::try_from(size).unwrap_or(usize::MAX);
    if let Some((begin, rest)) = text.split_at_checked(size)
        && stored["blob"] == sha256_hex(begin.as_bytes())
    {
        return rest;
    }
    // Its bytes are not at hand to be compared; what is written over is the last line.
    let last_line = text.trim_end().rfind('\n').map_or(0, |at| at + 1);
    text.get(size.min(last_line)..).unwrap_or(text)
}

/// The bytes of the lines with which both begin.
fn common_lines(one: &str, other: &str) -> usize {
    let bytes = one.bytes().zip(other.bytes());
    let common = bytes.take_while(|(a, b)| a == b).count();
    let mut lines = one.as_bytes()[..common].iter();
    lines
        .rposition(|byte| *byte == b'\n')
        .map_or(0, |at| at + 1)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_not_stored_follows() {
        let inline = |text: &str| json!({"inline": text});
        assert_eq!(after(&inline("a\nb"), "a\nbc\n"), "c\n");
        assert_eq!(after(&inline("a\nb"), "a\nb"), "");
        assert_eq!(after(&inline("a\n20 %"), "a\n30 %"), "30 %");
        assert_eq!(after(&inline("é"), "è"), "è");
        assert_eq!(after(&inline(""), "x"), "x");
        let blob = json!({"blob": sha256_hex(b"a\nb"), "size": 3});
        assert_eq!(after(&blob, "a\nbc"), "c");
        assert_eq!(after(&blob, "a\ncc"), "cc");
        assert_eq!(after(&blob, "a\nc\nd"), "\nd");
        assert_eq!(after(&blob, "c"), "c");
    }
}
