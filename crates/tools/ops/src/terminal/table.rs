//! Tables that fit the terminal. Too wide a table is folded: a row takes several lines, and columns still line up.

use std::fmt;

use console::{Style, measure_text_width as width};

use crate::terminal::text::{cut, plain};
use crate::terminal::wrap::wrap;

/// The space between two columns.
const GAP: usize = 2;
/// The space before the further lines of a folded row.
const INDENT: usize = 2;
/// With less room for the last column the table is folded.
const LEAST: usize = 24;
/// The maximum number of lines of a cell in the last column, unless the table is [`whole`](Table::whole).
const MOST_LINES: usize = 4;
/// A missing value.
const NONE: &str = "–";

/// A text with its colour.
#[derive(Debug, Clone)]
pub struct Cell {
    text: String,
    style: Style,
}

/// Rows under a header, without borders. The last column's long texts are wrapped.
#[derive(Debug, Clone)]
pub struct Table {
    header: Vec<&'static str>,
    /// Columns of numbers.
    right: Vec<usize>,
    rows: Vec<Vec<Cell>>,
    most_lines: usize,
}

type ColumnLine = Vec<(usize, usize)>;

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
        Self {
            header: header.into_iter().collect(),
            right: Vec::new(),
            rows: Vec::new(),
            most_lines: MOST_LINES,
        }
    }

    /// Shows all lines of the last column: it says what to do.
    #[must_use]
    pub fn whole(self) -> Self {
        Self { most_lines: usize::MAX, ..self }
    }

    /// Aligns these columns to the right, but not the first: its left edge shows where a folded row begins.
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

    /// Draws the table within `columns`. Without a limit a row is one line, and nothing is cut.
    #[must_use]
    pub fn draw(&self, columns: Option<usize>) -> String {
        let lines = match columns {
            None => vec![self.widths().into_iter().enumerate().collect()],
            Some(columns) => self.fold(columns.max(1)),
        };
        let most = if columns.is_some() { self.most_lines } else { 1 };
        let header = self.header.iter().map(|name| Cell::from(*name).styled(Style::new().dim()));
        let header: Vec<Cell> = header.collect();
        let mut text = String::new();
        for row in std::iter::once(&header).chain(&self.rows) {
            // Not at the end of a folded row.
            let says = |cell: &Cell| !cell.text.is_empty() && cell.text != NONE;
            let is_there = |at: &usize| row.get(*at).is_some_and(says);
            let used = lines.iter().rposition(|line| line.iter().any(|(at, _)| is_there(at)));
            for (number, line) in lines.iter().take(used.unwrap_or(0) + 1).enumerate() {
                let indent = if number == 0 { 0 } else { INDENT };
                self.draw_line(row, line, indent, most, &mut text);
            }
        }
        text.truncate(text.trim_end().len());
        text
    }

    fn widths(&self) -> Vec<usize> {
        let of_column = |(at, name): (usize, &&str)| {
            let cells = self.rows.iter().filter_map(|row| row.get(at));
            cells.map(|cell| width(&cell.text)).chain([width(name)]).max().unwrap_or(0)
        };
        self.header.iter().enumerate().map(of_column).collect()
    }

    /// The last column takes the rest of its line.
    fn fold(&self, columns: usize) -> Vec<ColumnLine> {
        let widths = self.widths();
        let last = widths.len().saturating_sub(1);
        let others: usize = widths.iter().take(last).map(|width| width + GAP).sum();
        let wanted = widths.get(last).copied().unwrap_or(0);
        if others + wanted.min(LEAST) <= columns {
            let room = wanted.min(columns - others);
            let line = widths.into_iter().take(last).chain([room]);
            return vec![line.enumerate().collect()];
        }
        let mut lines: Vec<ColumnLine> = vec![ColumnLine::new()];
        let mut taken = 0;
        for (at, wanted) in widths.into_iter().enumerate() {
            if taken > 0 && taken + GAP + wanted > columns {
                lines.push(ColumnLine::new());
                taken = 0;
            }
            let first = lines.len() == 1;
            let begin = if taken > 0 {
                taken + GAP
            } else if first {
                0
            } else {
                INDENT
            };
            let room = wanted.min(columns.saturating_sub(begin).max(1));
            if let Some(line) = lines.last_mut() {
                line.push((at, room));
            }
            taken = begin + room;
        }
        lines
    }

    /// Several lines if its last cell is wrapped.
    fn draw_line(
        &self,
        row: &[Cell],
        line: &ColumnLine,
        indent: usize,
        most: usize,
        text: &mut String,
    ) {
        let last = self.header.len().saturating_sub(1);
        let none = Cell::from("");
        let cell = |at: usize| row.get(at).unwrap_or(&none);
        let mut further = Vec::new();
        let mut begin = indent;
        let mut drawn = " ".repeat(indent);
        for (number, (at, room)) in line.iter().copied().enumerate() {
            let Cell { text, style } = cell(at);
            if number > 0 {
                drawn.push_str(&" ".repeat(GAP));
                begin += GAP;
            }
            let shown = if at == last {
                let mut lines = wrap(text, room, most).into_iter();
                let first = lines.next().unwrap_or_default();
                further = lines.map(|line| (begin, style.apply_to(line).to_string())).collect();
                first
            } else {
                cut(text, room).into_owned()
            };
            let padding = " ".repeat(room.saturating_sub(width(&shown)));
            let shown = style.apply_to(shown).to_string();
            let (before, behind) =
                if self.right.contains(&at) { (&*padding, "") } else { ("", &*padding) };
            drawn.extend([before, &shown, behind]);
            begin += room;
        }
        text.push_str(drawn.trim_end());
        text.push('\n');
        for (begin, line) in further {
            text.extend([&*" ".repeat(begin), line.trim_end(), "\n"]);
        }
    }
}

/// Draws without a limit: a row is one line.
impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.draw(None))
    }
}

#[cfg(test)]
#[path = "table_tests.rs"]
mod tests;
