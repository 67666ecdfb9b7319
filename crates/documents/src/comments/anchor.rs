//! Where a thread hangs (documents 10.3).

use serde::{Deserialize, Serialize};

/// Longest quote, in bytes.
const QUOTE_BYTES: usize = 4096;

/// What a thread is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Anchor {
    /// The notebook itself.
    Notebook,
    /// A cell.
    Cell {
        /// The cell.
        cell_id: String,
        /// Where it stood.
        observed_cell_position: Option<String>,
    },
    /// Cells that follow each other.
    CellRange {
        /// The first cell.
        start_cell_id: String,
        /// The last cell.
        end_cell_id: String,
        /// Where the first stood.
        start_position: Option<String>,
        /// Where the last stood.
        end_position: Option<String>,
    },
    /// A part of a cell's source.
    SourceRange {
        /// The cell.
        cell_id: String,
        /// The first line, from 0.
        start_line: u32,
        /// The column it begins at, in UTF-16 units.
        start_column: u32,
        /// The last line, from 0.
        end_line: u32,
        /// The column it ends before, in UTF-16 units.
        end_column: u32,
        /// The text before it.
        prefix_quote: Option<String>,
        /// Its text.
        exact_quote: Option<String>,
        /// The text after it.
        suffix_quote: Option<String>,
    },
    /// An output of a cell.
    Output {
        /// The cell.
        cell_id: String,
        /// The execution.
        execution_id: Option<String>,
        /// The output.
        output_id: Option<String>,
    },
}

/// What is wrong with an anchor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AnchorError {
    /// The range ends before it begins.
    #[error("the source range starts after its end")]
    Backwards,
    /// A quote is longer than any may be.
    #[error("a quote of the source range is longer than {QUOTE_BYTES} bytes")]
    LongQuote,
    /// The range does not hold the quote, nor does any other part of the source.
    #[error("the quoted text is not in the cell's source")]
    NoSuchText,
}

impl Anchor {
    /// Checks what can be told without the cell: order and length of a source range.
    ///
    /// # Errors
    /// The range runs backwards, or a quote is too long.
    pub fn check(&self) -> Result<(), AnchorError> {
        let Self::SourceRange {
            start_line,
            start_column,
            end_line,
            end_column,
            prefix_quote,
            exact_quote,
            suffix_quote,
            ..
        } = self
        else {
            return Ok(());
        };
        if (start_line, start_column) > (end_line, end_column) {
            return Err(AnchorError::Backwards);
        }
        let quotes = [prefix_quote, exact_quote, suffix_quote];
        if quotes.into_iter().flatten().any(|q| q.len() > QUOTE_BYTES) {
            return Err(AnchorError::LongQuote);
        }
        Ok(())
    }

    /// Checks a source range against the cell's source: its text is the quote, or the quote moved and still occurs.
    ///
    /// # Errors
    /// As [`Self::check`], or the quote is not in the source.
    pub fn check_source(&self, source: &str) -> Result<(), AnchorError> {
        self.check()?;
        let Self::SourceRange { exact_quote, .. } = self else {
            return Ok(());
        };
        let Some(quote) = exact_quote else {
            return Ok(());
        };
        let is_there = self.text_in(source).as_ref() == Some(quote);
        if is_there || !quote.is_empty() && source.contains(quote.as_str()) {
            return Ok(());
        }
        Err(AnchorError::NoSuchText)
    }

    /// The text that a source range spans; `None` where the source has no such place.
    fn text_in(&self, source: &str) -> Option<String> {
        let &Self::SourceRange {
            start_line,
            start_column,
            end_line,
            end_column,
            ..
        } = self
        else {
            return None;
        };
        let units: Vec<u16> = source.encode_utf16().collect();
        let place = |line: u32, column: u32| {
            let newline = u16::from(b'\n');
            let before = units.split(|unit| *unit == newline).take(line as usize);
            let start: usize = before.map(|line| line.len() + 1).sum();
            let own = units.get(start..)?.split(|unit| *unit == newline).next()?;
            (column as usize <= own.len()).then_some(start + column as usize)
        };
        let span = place(start_line, start_column)?..place(end_line, end_column)?;
        String::from_utf16(units.get(span)?).ok()
    }

    /// The scope that the thread is ordered in (`thread_order_scope`).
    pub fn scope(&self) -> String {
        let word = |text: &Option<String>| text.clone().unwrap_or_default();
        match self {
            Self::Notebook => "notebook".to_owned(),
            Self::Cell { cell_id, .. } | Self::SourceRange { cell_id, .. } => {
                format!("cell:{cell_id}")
            }
            Self::CellRange {
                start_cell_id,
                end_cell_id,
                ..
            } => format!("cell_range:{start_cell_id}:{end_cell_id}"),
            Self::Output {
                cell_id,
                execution_id,
                output_id,
            } => format!(
                "output:{cell_id}:{}:{}",
                word(execution_id),
                word(output_id)
            ),
        }
    }
}
