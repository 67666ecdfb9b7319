//! Stream text through a terminal (documents.md 7, decision D10).
//!
//! Keeps the rows a program can still reach with its cursor; rows that scrolled out of reach are
//! handed out once, as finished text. Never wraps lines and never drops text.

mod plain;
mod row;
mod screen;

use row::Style;
use screen::Screen;

/// Rows the cursor can reach, as the kernel is told by `LINES`.
pub const SCREEN_ROWS: usize = 100;
/// Cells a line may hold before its beginning counts as out of reach.
pub const MAX_ROW_CELLS: usize = 8192;

/// Shorter text is not looked through for lines that scroll out of reach.
const BULK_BYTES: usize = 4096;
/// What control sequences begin with.
const ESCAPE: char = '\u{1b}';

/// What becomes of blank rows at the end of a text.
#[derive(Clone, Copy, Debug)]
enum BlankEnd {
    OneLineEnd,
    Kept,
}

/// The terminal of one stream of one execution.
#[derive(Default)]
pub struct Terminal {
    parser: vte::Parser,
    screen: Screen,
}

#[allow(clippy::missing_fields_in_debug)] // the parser has nothing to show
impl std::fmt::Debug for Terminal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Terminal")
            .field("sealed_bytes", &self.screen.sealed.len())
            .finish()
    }
}

impl Terminal {
    /// Creates an empty terminal.
    pub fn new() -> Self {
        Self::default()
    }

    /// Feeds a chunk of text.
    pub fn feed(&mut self, text: &str) {
        let mut rest = text;
        while rest.len() >= BULK_BYTES {
            let mut plain = 0;
            if self.screen.awaits_a_line() {
                plain = plain::plain_len(rest);
                if let Some(stays) = plain::in_reach(&rest[..plain]) {
                    self.screen.scroll_away(&rest[..stays]);
                    rest = &rest[stays..];
                    plain -= stays;
                }
            }
            // To the end of the line that needs the screen.
            let end = rest[plain..]
                .find('\n')
                .map_or(rest.len(), |at| plain + at + 1);
            let (now, later) = rest.split_at(end);
            self.advance(now);
            rest = later;
        }
        self.advance(rest);
    }

    /// Feeds the parser, and sees to it that the screen knows whether a sequence has begun.
    fn advance(&mut self, text: &str) {
        let (before, sequence) = text.split_at(text.rfind(ESCAPE).unwrap_or(text.len()));
        self.parser.advance(&mut self.screen, before.as_bytes());
        if !sequence.is_empty() {
            self.screen.in_sequence = true;
            self.parser.advance(&mut self.screen, sequence.as_bytes());
        }
    }

    /// Takes the finished text when at least `min_bytes` of it wait.
    ///
    /// What was taken is never rendered again.
    pub fn take_sealed(&mut self, min_bytes: usize) -> Option<String> {
        if self.screen.sealed.is_empty() || self.screen.sealed.len() < min_bytes {
            return None;
        }
        let mut text = std::mem::take(&mut self.screen.sealed);
        if self.screen.sealed_style != Style::default() {
            text.push_str("\u{1b}[0m");
            self.screen.sealed_style = Style::default();
        }
        Some(text)
    }

    /// Renders what was not taken: waiting finished text and the rows still in reach.
    pub fn render(&self) -> String {
        self.screen.render(BlankEnd::OneLineEnd)
    }

    /// Renders the same for text that is not the last one: all blank rows above the cursor are kept.
    pub fn render_open(&self) -> String {
        self.screen.render(BlankEnd::Kept)
    }
}
