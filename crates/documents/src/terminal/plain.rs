//! Whole lines without control sequences, in bulk: what has scrolled out of reach by the end of a chunk is finished text
//! without ever standing on the screen.

use super::row::write_change;
use super::screen::Screen;
use super::{MAX_ROW_CELLS, SCREEN_ROWS};

/// Lines that stay in reach below those that scrolled away; the cursor stands in the row after them.
const IN_REACH: usize = SCREEN_ROWS - 1;
/// Bytes compared at once.
const BLOCK: usize = 64;

/// How far a text goes with printable ASCII and line feeds alone.
pub(super) fn plain_len(text: &str) -> usize {
    let is_plain = |byte: &u8| matches!(byte, b' '..=b'~' | b'\n');
    let bytes = text.as_bytes();
    // Without a way out for each byte the compiler compares a block by a few instructions.
    let blocks = bytes.chunks(BLOCK);
    let plain =
        blocks.take_while(|block| block.iter().fold(true, |all, byte| all & is_plain(byte)));
    let whole: usize = plain.map(<[u8]>::len).sum();
    whole
        + bytes[whole..]
            .iter()
            .take_while(|byte| is_plain(byte))
            .count()
}

/// Where the lines of a plain text begin that stay in reach, if some do not and none is too long for a row.
pub(super) fn in_reach(plain: &str) -> Option<usize> {
    let ends = plain.bytes().enumerate().rev();
    let mut ends = ends.filter(|(_, byte)| *byte == b'\n');
    let (last, _) = ends.nth(IN_REACH)?;
    let mut lines = plain[..last].split('\n');
    lines
        .all(|line| line.len() <= MAX_ROW_CELLS)
        .then_some(last + 1)
}

impl Screen {
    /// Lets plain lines scroll out of reach, and all that stands above them.
    pub(super) fn scroll_away(&mut self, lines: &str) {
        self.seal_above();
        self.sealed.reserve(lines.len());
        for line in lines.lines() {
            let line = line.trim_end_matches(' ');
            if !line.is_empty() {
                write_change(&mut self.sealed, &mut self.sealed_style, self.style);
            }
            self.sealed.push_str(line);
            self.sealed.push('\n');
        }
    }
}
