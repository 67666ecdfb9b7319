//! Text that comes when its execution has ended already: after an interrupt, or while the link was away (decision D3).
//!
//! Outputs of an ended execution are append-only, so an entry that is there cannot grow. What comes live is therefore
//! written once, in an entry of its own. What of an entry was not written when the execution ended follows in entries
//! whose ids derive from the entry's: a second reading of the journal finds them.

use documents::manifest::sha256_hex;
use serde_json::Value;

use crate::commit::OpKind;
use crate::lane::{StreamText, Written, continuation_id};
use crate::session::Session;

/// Bytes of a stream's part that stand at the end of the part before, where they were when it was shown last.
#[derive(Debug)]
pub(crate) struct ShownAhead {
    execution_id: String,
    position: u64,
    part: u32,
    bytes: usize,
}

impl Session {
    /// Whether an execution has ended, or stands in the list of writes as ended.
    pub(crate) fn is_late(&self, execution_id: &str) -> bool {
        let gated = self.gate.as_ref();
        let current = self.current.as_ref();
        gated.is_some_and(|gate| gate.execution_id == execution_id)
            || current.is_some_and(|current| current.id == execution_id && current.ending)
            || self
                .state
                .as_ref()
                .is_some_and(|state| !state.doc.is_open(execution_id))
    }

    /// Takes in an entry of an ended execution; whether it is to be written as it is. Otherwise what of its text is not
    /// shown yet, if anything, is put before the writes that wait.
    pub(crate) fn late_text(
        &mut self,
        execution_id: &str,
        output_id: &str,
        name: &Value,
        stream: &StreamText,
    ) -> bool {
        let Some(state) = self.state.as_ref() else {
            return false;
        };
        let &StreamText { position, part, .. } = stream;
        let ahead = self.shown_ahead.as_ref().filter(|ahead| {
            ahead.execution_id == execution_id && (ahead.position, ahead.part) == (position, part)
        });
        let ahead = ahead.map_or(0, |ahead| ahead.bytes);
        let mut rest = stream.text.get(ahead..).unwrap_or_default();
        let mut beyond = ahead.saturating_sub(stream.text.len());
        let mut id = output_id.to_owned();
        for number in 1.. {
            let Some(shown) = state.doc.output(execution_id, &id) else {
                break;
            };
            let (unseen, more) = compare(&shown["text"], rest);
            rest = unseen;
            beyond += more;
            id = continuation_id(output_id, number);
        }
        if rest.len() == stream.text.len() && id == output_id {
            return true;
        }
        if !rest.is_empty() {
            let name = name.as_str().unwrap_or("stdout");
            let text = rest.to_owned();
            let stream = StreamText {
                position,
                part,
                text,
            };
            let written = Written::new(id, name, stream);
            let kind = OpKind::Output {
                execution_id: execution_id.to_owned(),
                output_id: written.output_id,
                manifest: written.manifest,
                text: None,
            };
            self.push_op_first(kind, written.blobs);
        } else if beyond > 0 {
            self.shown_ahead = Some(ShownAhead {
                execution_id: execution_id.to_owned(),
                position,
                part: part + 1,
                bytes: beyond,
            });
        }
        false
    }
}

/// What of a text is not shown yet by a stored one (a ContentRef), and how many bytes that one goes beyond the text.
/// Where the two differ, since the text was written over as on a terminal, it is all from the line in which they part.
fn compare<'text>(stored: &Value, text: &'text str) -> (&'text str, usize) {
    if let Some(inline) = stored["inline"].as_str() {
        if inline.starts_with(text) {
            return ("", inline.len() - text.len());
        }
        let rest = text.strip_prefix(inline);
        return (
            rest.unwrap_or_else(|| &text[common_lines(inline, text)..]),
            0,
        );
    }
    let size = stored["size"].as_u64().unwrap_or_default();
    let size = usize::try_from(size).unwrap_or(usize::MAX);
    if size > text.len() {
        return ("", size - text.len());
    }
    if let Some((begin, rest)) = text.split_at_checked(size)
        && stored["blob"] == sha256_hex(begin.as_bytes())
    {
        return (rest, 0);
    }
    // Its bytes are not at hand to be compared; what is written over is the last line.
    let last_line = text.trim_end().rfind('\n').map_or(0, |at| at + 1);
    (text.get(size.min(last_line)..).unwrap_or(text), 0)
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
        assert_eq!(compare(&inline("a\nb"), "a\nbc\n"), ("c\n", 0));
        assert_eq!(compare(&inline("a\nb"), "a\nb"), ("", 0));
        assert_eq!(compare(&inline("a\nb"), "a\n"), ("", 1));
        assert_eq!(compare(&inline("a\n20 %"), "a\n30 %"), ("30 %", 0));
        assert_eq!(compare(&inline("é"), "è"), ("è", 0));
        assert_eq!(compare(&inline(""), "x"), ("x", 0));
        let blob = json!({"blob": sha256_hex(b"a\nb"), "size": 3});
        assert_eq!(compare(&blob, "a\nbc"), ("c", 0));
        assert_eq!(compare(&blob, "a\ncc"), ("cc", 0));
        assert_eq!(compare(&blob, "a\nc\nd"), ("\nd", 0));
        assert_eq!(compare(&blob, "a"), ("", 2));
    }
}
