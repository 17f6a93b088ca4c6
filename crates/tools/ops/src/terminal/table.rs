//! Tables without borders: a line for each row, as in other programs for operators.

use std::fmt;

use console::{Style, measure_text_width as width};

use crate::terminal::text::plain;

/// The space between two columns.
const GAP: &str = "  ";
/// A missing value.
const NONE: &str = "–";

/// A text with its colour.
#[derive(Debug, Clone)]
pub struct Cell {
    text: String,
    style: Style,
}

/// Rows under a header.
#[derive(Debug, Clone)]
pub struct Table {
    header: Vec<&'static str>,
    /// Columns of numbers.
    right: Vec<usize>,
    rows: Vec<Vec<Cell>>,
}

impl Cell {
    /// Sets the colour.
    #[must_use]
    pub fn styled(self, style: Style) -> Self {
        Self { style, ..self }
    }

    /// Makes it yellow.
    #[must_use]
    pub fn yellow(self) -> Self {
        self.styled(Style::new().yellow())
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self { text: plain(text), style: Style::new() }
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self::from(text.as_str())
    }
}

impl From<&String> for Cell {
    fn from(text: &String) -> Self {
        Self::from(text.as_str())
    }
}

impl<Text: AsRef<str>> From<Option<Text>> for Cell {
    fn from(text: Option<Text>) -> Self {
        text.map_or_else(|| Self::from(NONE), |text| Self::from(text.as_ref()))
    }
}

impl Table {
    /// Makes a table without rows.
    pub fn new(header: impl IntoIterator<Item = &'static str>) -> Self {
        Self { header: header.into_iter().collect(), right: Vec::new(), rows: Vec::new() }
    }

    /// Aligns these columns to the right.
    #[must_use]
    pub fn right(mut self, columns: impl IntoIterator<Item = usize>) -> Self {
        self.right.extend(columns);
        self
    }

    /// Adds a row: a cell for each column.
    pub fn row(&mut self, cells: impl IntoIterator<Item = Cell>) {
        let cells: Vec<Cell> = cells.into_iter().collect();
        debug_assert_eq!(cells.len(), self.header.len(), "a cell for each column");
        self.rows.push(cells);
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let dim = Style::new().dim();
        let header = self.header.iter().map(|name| Cell::from(*name).styled(dim.clone()));
        let header: Vec<Cell> = header.collect();
        let rows = || std::iter::once(&header).chain(&self.rows);
        let widest = |at: usize| rows().filter_map(|row| Some(width(&row.get(at)?.text))).max();
        let widths: Vec<usize> = (0..header.len()).map(|at| widest(at).unwrap_or(0)).collect();
        for (number, row) in rows().enumerate() {
            let cells = row.iter().zip(&widths).enumerate().map(|(at, (cell, room))| {
                let padding = " ".repeat(room - width(&cell.text));
                let shown = cell.style.apply_to(&cell.text);
                if self.right.contains(&at) {
                    format!("{padding}{shown}")
                } else {
                    format!("{shown}{padding}")
                }
            });
            let line = cells.collect::<Vec<_>>().join(GAP);
            write!(f, "{}{}", if number > 0 { "\n" } else { "" }, line.trim_end())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_and_a_text_from_a_message_stays_on_its_line() {
        console::set_colors_enabled(false);
        let mut table = Table::new(["saga", "for", "reason", "detail"]).right([1]);
        let failed = Cell::from("failed").styled(Style::new().yellow().force_styling(true));
        table.row([Cell::from("0193f7a0"), Cell::from("12 min"), failed, Cell::from("500")]);
        table.row(
            ["商品 \u{202e}\t1", "9 s", "not_yet"]
                .map(Cell::from)
                .into_iter()
                .chain([Cell::from(None::<&str>)]),
        );
        let expected = "saga         for  reason   detail\n\
                        0193f7a0  12 min  \u{1b}[33mfailed\u{1b}[0m   500\n\
                        商品   1     9 s  not_yet  –";
        assert_eq!(table.to_string(), expected);
    }
}
