//! The rows in reach of the cursor, driven by parsed control sequences.

use std::collections::VecDeque;

use unicode_width::UnicodeWidthChar;
use vte::{Params, Perform};

use super::row::{BLANK, Cell, Color, Row, Style, tab_stop};
use super::{BlankEnd, MAX_ROW_CELLS, SCREEN_ROWS};

/// The screen, the finished text above it, and the cursor.
#[derive(Default)]
pub(super) struct Screen {
    rows: VecDeque<Row>,
    row: usize,
    column: usize,
    pub style: Style,
    saved: (usize, usize, Style),
    alternate: bool,
    /// Whether the parser may be within a control sequence, whose bytes look like text.
    pub in_sequence: bool,
    /// Finished text, and the style its end is in.
    pub sealed: String,
    pub sealed_style: Style,
}

impl Screen {
    /// The finished text and the rows; of blank rows at the end one line end, or all above the cursor.
    pub fn render(&self, blank_end: BlankEnd) -> String {
        let mut out = self.sealed.clone();
        let mut style = self.sealed_style;
        let last = self.rows.iter().rposition(|r| r.visible_len() > 0);
        for (at, row) in self.rows.iter().take(last.map_or(0, |l| l + 1)).enumerate() {
            if at > 0 {
                out.push('\n');
            }
            row.write(&mut out, &mut style);
        }
        let below = self.row.saturating_sub(last.unwrap_or(0));
        let line_ends = match blank_end {
            BlankEnd::Kept => below,
            BlankEnd::OneLineEnd => below.min(usize::from(last.is_some())),
        };
        out.extend(std::iter::repeat_n('\n', line_ends));
        if style != Style::default() {
            out.push_str("\u{1b}[0m");
        }
        out
    }

    fn current(&mut self) -> &mut Row {
        while self.rows.len() <= self.row {
            self.rows.push_back(Row::default());
        }
        &mut self.rows[self.row]
    }

    /// Whether text would be written to an empty row, from its beginning, with nothing below.
    pub fn awaits_a_line(&self) -> bool {
        let mut below = self.rows.iter().skip(self.row);
        !self.in_sequence
            && !self.alternate
            && self.column == 0
            && below.all(|row| row.cells.is_empty())
    }

    /// Moves the rows above the cursor to the finished text.
    pub fn seal_above(&mut self) {
        for _ in 0..self.row {
            self.seal_top();
        }
        self.row = 0;
    }

    /// Moves the top row to the finished text.
    fn seal_top(&mut self) {
        let mut row = self.rows.pop_front().unwrap_or_default();
        row.write(&mut self.sealed, &mut self.sealed_style);
        self.sealed.push('\n');
        // The row's memory is used again at the bottom.
        row.erase(0, usize::MAX);
        if row.cells.capacity() <= 1024 && self.rows.len() + 1 >= SCREEN_ROWS {
            self.rows.push_back(row);
        }
    }

    fn line_feed(&mut self) {
        if self.row + 1 < SCREEN_ROWS {
            self.row += 1;
            self.current();
        } else {
            self.seal_top();
            self.current();
        }
    }

    /// Seals the row so far when it has grown beyond what a cursor may reach.
    fn seal_long_row(&mut self) {
        self.seal_above();
        self.rows.truncate(SCREEN_ROWS);
        let mut row = self.rows.pop_front().unwrap_or_default();
        let len = row.cells.len();
        row.write_to(&mut self.sealed, &mut self.sealed_style, len);
        row.erase(0, usize::MAX);
        self.rows.push_front(row);
        self.column = 0;
    }

    fn put_char(&mut self, ch: char, width: usize) {
        if self.column + width > MAX_ROW_CELLS {
            self.seal_long_row();
        }
        let (column, style) = (self.column, self.style);
        let row = self.current();
        // Half of a wide character that is overwritten becomes a blank.
        if row.cells.get(column).is_some_and(|c| c.ch == '\0') && column > 0 {
            row.cells[column - 1] = BLANK;
        }
        if row.cells.get(column + width).is_some_and(|c| c.ch == '\0') {
            row.cells[column + width] = BLANK;
        }
        row.put(column, Cell { ch, style });
        for extra in 1..width {
            row.put(column + extra, Cell { ch: '\0', style });
        }
        self.column += width;
    }

    fn tab(&mut self) {
        let (column, style) = (self.column, self.style);
        if column + 8 > MAX_ROW_CELLS {
            return self.put_char(' ', 1);
        }
        self.current().tab(column, style);
        self.column = tab_stop(column);
    }

    fn erase_display(&mut self, mode: u16) {
        let (row, column) = (self.row, self.column);
        match mode {
            0 => {
                self.current().erase(column, usize::MAX);
                for r in self.rows.iter_mut().skip(row + 1) {
                    r.erase(0, usize::MAX);
                }
            }
            1 => {
                for r in self.rows.iter_mut().take(row) {
                    r.erase(0, usize::MAX);
                }
                self.current().erase(0, column + 1);
            }
            2 => {
                // The old screen scrolls away; its text stays.
                let used = self
                    .rows
                    .iter()
                    .rposition(|r| r.visible_len() > 0)
                    .map_or(0, |at| at + 1);
                for _ in 0..used {
                    let top = self.rows.pop_front().unwrap_or_default();
                    top.write(&mut self.sealed, &mut self.sealed_style);
                    self.sealed.push('\n');
                }
                self.rows.clear();
                self.current();
            }
            _ => {}
        }
    }

    fn insert_rows(&mut self, count: usize) {
        self.current();
        for _ in 0..count.min(SCREEN_ROWS - self.row) {
            self.rows.insert(self.row, Row::default());
        }
        self.rows.truncate(SCREEN_ROWS);
    }

    fn delete_rows(&mut self, count: usize) {
        for _ in 0..count {
            if self.rows.len() > self.row {
                self.rows.remove(self.row);
            }
        }
        self.current();
    }

    fn shift_cells(&mut self, count: usize, delete: bool) {
        let column = self.column;
        let row = self.current();
        if column >= row.cells.len() {
            return;
        }
        if delete {
            let end = (column + count).min(row.cells.len());
            row.cells.drain(column..end);
        } else {
            let room = MAX_ROW_CELLS.saturating_sub(row.cells.len());
            row.cells
                .splice(column..column, std::iter::repeat_n(BLANK, count.min(room)));
        }
    }

    fn move_to(&mut self, row: usize, column: usize) {
        self.row = row.min(SCREEN_ROWS - 1);
        self.column = column.min(MAX_ROW_CELLS - 1);
        self.current();
    }

    fn select_style(&mut self, params: &Params) {
        let mut groups = params.iter();
        let mut any = false;
        while let Some(group) = groups.next() {
            any = true;
            let code = group.first().copied().unwrap_or(0);
            match code {
                0 => self.style = Style::default(),
                1 | 2 | 3 | 7 | 8 | 9 => self.style.attributes |= Style::bit(code),
                // Only the plain underline is kept; `4:0` ends it.
                4 => match group.get(1) {
                    None | Some(1) => self.style.attributes |= Style::bit(4),
                    _ => self.style.attributes &= !Style::bit(4),
                },
                21 => self.style.attributes &= !Style::bit(1),
                22 => self.style.attributes &= !(Style::bit(1) | Style::bit(2)),
                23 => self.style.attributes &= !Style::bit(3),
                24 => self.style.attributes &= !Style::bit(4),
                27 => self.style.attributes &= !Style::bit(7),
                28 => self.style.attributes &= !Style::bit(8),
                29 => self.style.attributes &= !Style::bit(9),
                30..=37 | 90..=97 => self.style.fg = Color::Named(code as u8),
                39 => self.style.fg = Color::Default,
                40..=47 | 100..=107 => self.style.bg = Color::Named((code - 10) as u8),
                49 => self.style.bg = Color::Default,
                38 | 48 => {
                    let color = if group.len() > 1 {
                        colon_color(group)
                    } else {
                        semicolon_color(&mut groups)
                    };
                    if let Some(color) = color {
                        if code == 38 {
                            self.style.fg = color;
                        } else {
                            self.style.bg = color;
                        }
                    }
                }
                _ => {}
            }
        }
        if !any {
            self.style = Style::default();
        }
    }
}

fn semicolon_color(groups: &mut vte::ParamsIter<'_>) -> Option<Color> {
    let mut next = || groups.next().and_then(|g| g.first().copied());
    match next()? {
        5 => Some(Color::Indexed(next()? as u8)),
        2 => Some(Color::Rgb(next()? as u8, next()? as u8, next()? as u8)),
        _ => None,
    }
}

fn colon_color(group: &[u16]) -> Option<Color> {
    match group {
        [_, 5, n, ..] => Some(Color::Indexed(*n as u8)),
        [_, 2, r, g, b] | [_, 2, _, r, g, b, ..] => Some(Color::Rgb(*r as u8, *g as u8, *b as u8)),
        _ => None,
    }
}

impl Perform for Screen {
    fn print(&mut self, c: char) {
        self.in_sequence = false;
        if self.alternate {
            return;
        }
        if (' '..='~').contains(&c) {
            return self.put_char(c, 1);
        }
        match c.width() {
            None => {}
            Some(0) => {
                let mut column = self.column;
                let row = self.current();
                column = column.min(row.cells.len());
                while column > 0 {
                    column -= 1;
                    if row.cells[column].ch != '\0' {
                        row.mark(column, c);
                        break;
                    }
                }
            }
            Some(width) => self.put_char(c, width),
        }
    }

    fn execute(&mut self, byte: u8) {
        if self.alternate {
            return;
        }
        match byte {
            b'\n' => {
                self.column = 0;
                self.line_feed();
            }
            b'\r' => self.column = 0,
            0x08 => self.column = self.column.saturating_sub(1),
            b'\t' => self.tab(),
            0x0b | 0x0c => self.line_feed(),
            _ => {}
        }
    }

    fn csi_dispatch(&mut self, params: &Params, inter: &[u8], _ignore: bool, action: char) {
        self.in_sequence = false;
        let arg = |at: usize| {
            params
                .iter()
                .nth(at)
                .and_then(|g| g.first().copied())
                .unwrap_or(0)
        };
        if inter == b"?" {
            if matches!(arg(0), 47 | 1047 | 1049) && matches!(action, 'h' | 'l') {
                self.alternate = action == 'h';
            }
            return;
        }
        if self.alternate || !inter.is_empty() {
            return;
        }
        let count = usize::from(arg(0).max(1));
        let (row, column) = (self.row, self.column);
        match action {
            'A' => self.move_to(row.saturating_sub(count), column),
            'B' | 'e' => self.move_to(row + count, column),
            'C' | 'a' => self.move_to(row, column + count),
            'D' => self.move_to(row, column.saturating_sub(count)),
            'E' => self.move_to(row + count, 0),
            'F' => self.move_to(row.saturating_sub(count), 0),
            'G' | '`' => self.move_to(row, count - 1),
            'd' => self.move_to(count - 1, column),
            'H' | 'f' => self.move_to(count - 1, usize::from(arg(1).max(1)) - 1),
            'J' => self.erase_display(arg(0)),
            'K' => match arg(0) {
                0 => self.current().erase(column, usize::MAX),
                1 => self.current().erase(0, column + 1),
                2 => self.current().erase(0, usize::MAX),
                _ => {}
            },
            'X' => self.current().erase(column, column + count),
            'P' => self.shift_cells(count, true),
            '@' => self.shift_cells(count, false),
            'L' => self.insert_rows(count),
            'M' => self.delete_rows(count),
            'S' => (0..count.min(SCREEN_ROWS)).for_each(|_| self.seal_top()),
            'm' => self.select_style(params),
            's' => self.saved = (row, column, self.style),
            'u' => self.move_to(self.saved.0, self.saved.1),
            _ => {}
        }
    }

    fn esc_dispatch(&mut self, inter: &[u8], _ignore: bool, byte: u8) {
        self.in_sequence = false;
        if !inter.is_empty() || (self.alternate && byte != b'c') {
            return;
        }
        match byte {
            b'c' => *self = Self::default(),
            b'D' => self.line_feed(),
            b'E' => {
                self.column = 0;
                self.line_feed();
            }
            b'M' => {
                if self.row == 0 {
                    self.insert_rows(1);
                } else {
                    self.row -= 1;
                }
            }
            b'7' => self.saved = (self.row, self.column, self.style),
            b'8' => {
                let (row, column, style) = self.saved;
                self.move_to(row, column);
                self.style = style;
            }
            _ => {}
        }
    }
}
