//! Cells, styles and the text of one row.

use std::fmt::Write as _;

/// A colour: unset, a named SGR parameter, a palette index or RGB.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Color {
    #[default]
    Default,
    Named(u8),
    Indexed(u8),
    Rgb(u8, u8, u8),
}

/// Attributes in the order they are written: SGR 1, 2, 3, 4, 7, 9, 8.
const ATTRIBUTES: [(u8, u8); 7] = [(1, 1), (2, 2), (4, 3), (8, 4), (64, 7), (16, 9), (32, 8)];

/// The style of a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Style {
    pub attributes: u8,
    pub fg: Color,
    pub bg: Color,
}

impl Style {
    /// The bit of an SGR attribute, 0 when it is not one of ours.
    pub fn bit(sgr: u16) -> u8 {
        ATTRIBUTES
            .iter()
            .find(|(_, code)| u16::from(*code) == sgr)
            .map_or(0, |(bit, _)| *bit)
    }

    fn extends(self, before: Self) -> bool {
        self.attributes & before.attributes == before.attributes
            && (before.fg == Color::Default || before.fg == self.fg)
            && (before.bg == Color::Default || before.bg == self.bg)
    }
}

/// Writes the codes that turn `current` into `next`.
pub(super) fn write_change(out: &mut String, current: &mut Style, next: Style) {
    if *current == next {
        return;
    }
    if !next.extends(*current) {
        out.push_str("\u{1b}[0m");
        *current = Style::default();
    }
    for (bit, code) in ATTRIBUTES {
        if next.attributes & bit != 0 && current.attributes & bit == 0 {
            let _ = write!(out, "\u{1b}[{code}m");
        }
    }
    if next.fg != current.fg {
        write_color(out, next.fg, 0);
    }
    if next.bg != current.bg {
        write_color(out, next.bg, 10);
    }
    *current = next;
}

fn write_color(out: &mut String, color: Color, offset: u8) {
    let _ = match color {
        Color::Default => Ok(()),
        Color::Named(code) => write!(out, "\u{1b}[{}m", code + offset),
        Color::Indexed(n) => write!(out, "\u{1b}[{};5;{n}m", 38 + offset),
        Color::Rgb(r, g, b) => write!(out, "\u{1b}[{};2;{r};{g};{b}m", 38 + offset),
    };
}

/// One cell; `'\0'` is the right half of a wide character.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cell {
    pub ch: char,
    pub style: Style,
}

/// A cell nothing was written to.
pub(super) const BLANK: Cell = Cell {
    ch: ' ',
    style: Style {
        attributes: 0,
        fg: Color::Default,
        bg: Color::Default,
    },
};

/// A column that a tab before it passes over; no text has this character.
pub(super) const PASSED: char = '\u{b}';
/// The columns from one tab stop to the next.
const TAB: usize = 8;

/// The tab stop after a column.
pub(super) fn tab_stop(column: usize) -> usize {
    (column / TAB + 1) * TAB
}

/// One row: its cells, and combining marks by column.
#[derive(Debug, Clone, Default)]
pub(super) struct Row {
    pub cells: Vec<Cell>,
    marks: Vec<(usize, char)>,
}

impl Row {
    /// Puts a cell at a column, filling the gap with blanks.
    pub fn put(&mut self, column: usize, cell: Cell) {
        if self.cells.len() <= column {
            self.cells.resize(column + 1, BLANK);
        }
        self.cells[column] = cell;
        if !self.marks.is_empty() {
            self.marks.retain(|(at, _)| *at != column);
        }
    }

    /// Adds a combining mark to the cell at a column; a cell keeps at most 16.
    pub fn mark(&mut self, column: usize, mark: char) {
        if self.marks.iter().filter(|(at, _)| *at == column).count() < 16 {
            self.marks.push((column, mark));
        }
    }

    /// Blanks a range of columns.
    pub fn erase(&mut self, from: usize, to: usize) {
        let to = to.min(self.cells.len());
        if from >= to {
            return;
        }
        if to == self.cells.len() {
            self.cells.truncate(from);
        } else {
            self.cells[from..to].fill(BLANK);
        }
        self.marks.retain(|(at, _)| *at < from || *at >= to);
    }

    /// Puts a tab at a column if nothing stands between it and the next tab stop.
    pub fn tab(&mut self, column: usize, style: Style) {
        let stop = tab_stop(column);
        let mut between = self.cells.iter().take(stop).skip(column);
        if between.all(|cell| matches!(cell.ch, ' ' | '\t' | PASSED)) {
            self.put(column, Cell { ch: '\t', style });
            for passed in column + 1..stop {
                self.put(passed, Cell { ch: PASSED, style });
            }
        }
    }

    /// The columns that a tab fills, as long as nothing was written to any of them.
    fn whole_tab(&self, column: usize) -> Option<usize> {
        let stop = tab_stop(column);
        let mut passed = self.cells.iter().take(stop).skip(column + 1);
        let is_whole = self.cells.len() >= stop && passed.all(|cell| cell.ch == PASSED);
        is_whole.then_some(stop - column)
    }

    /// Columns up to the last visible character.
    pub fn visible_len(&self) -> usize {
        self.cells
            .iter()
            .rposition(|c| c.ch != '\0' && !c.ch.is_whitespace())
            .map_or(0, |at| at + 1)
    }

    /// Writes the row's text without trailing white space.
    pub fn write(&self, out: &mut String, style: &mut Style) {
        self.write_to(out, style, self.visible_len());
    }

    /// Writes the row's first `len` columns.
    pub fn write_to(&self, out: &mut String, style: &mut Style, len: usize) {
        let mut to_skip = 0;
        for (column, cell) in self.cells[..len].iter().enumerate() {
            if to_skip > 0 {
                to_skip -= 1;
                continue;
            }
            if cell.ch == '\0' {
                continue;
            }
            write_change(out, style, cell.style);
            match cell.ch {
                '\t' => match self.whole_tab(column) {
                    Some(columns) => {
                        out.push('\t');
                        to_skip = columns - 1;
                    }
                    None => out.push(' '),
                },
                PASSED => out.push(' '),
                other => out.push(other),
            }
            if !self.marks.is_empty() {
                out.extend(
                    self.marks
                        .iter()
                        .filter(|(at, _)| *at == column)
                        .map(|(_, m)| *m),
                );
            }
        }
    }
}
