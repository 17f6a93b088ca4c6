//! Marks on the steps of a picture: the number of runs there, and the rate of the step.

use crate::pages::lanes::route::{BOX, LINE, PAD};
use crate::pages::lanes::text::escaped;

/// The lines that marks take below the text of a step.
pub(super) const LINES: usize = 2;
const MOST: usize = 3;
const GAP: usize = 2;

/// A number on a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// The class that gives the colour.
    pub class: &'static str,
    /// The number.
    pub count: u64,
    /// The meaning of the number.
    pub says: &'static str,
}

pub(super) type MarksOf<'a> = &'a dyn Fn(&str, &str) -> Marks;

/// The marks of a step.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Marks {
    /// The target of a click.
    pub link: String,
    /// The rate of the step, in words. Empty for none.
    pub rate: String,
    /// The marks; only the first three are drawn.
    pub marks: Vec<Mark>,
}

impl Marks {
    pub(super) fn elements(&self, (x, low): (usize, usize)) -> String {
        let (middle, line) = (x + BOX / 2, low - PAD - LINE - 2);
        let mut drawn = format!(
            "<text x=\"{middle}\" y=\"{}\" class=\"rate\" text-anchor=\"middle\">{}</text>",
            line - 3,
            escaped(&self.rate)
        );
        let shown = &self.marks[..self.marks.len().min(MOST)];
        let wide = (BOX - 2 * GAP) / MOST - GAP;
        let all = shown.len() * (wide + GAP);
        let left = x + (BOX + GAP - all.min(BOX)) / 2;
        for (at, Mark { class, count, says }) in shown.iter().enumerate() {
            let x = left + at * (wide + GAP);
            drawn += &format!(
                "<g class=\"mark {class}\"><title>{count} {says}</title><rect x=\"{x}\" y=\"{line}\" \
                 width=\"{wide}\" height=\"17\" rx=\"8\"/><text x=\"{}\" y=\"{}\" \
                 text-anchor=\"middle\">{}</text></g>",
                x + wide / 2,
                line + 13,
                short(*count)
            );
        }
        drawn
    }
}

/// Shortens a number to at most four characters; the last of four is narrow.
fn short(count: u64) -> String {
    match count {
        0..1_000 => count.to_string(),
        1_000..999_500 => format!("{}k", (count + 500) / 1_000),
        _ => format!("{}M", (count + 500_000) / 1_000_000),
    }
}
