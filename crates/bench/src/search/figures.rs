//! The times of searches, as a table.

use std::fmt;

use ballet_terminal::{Cell, Table};
use serde::Serialize;

use crate::report::outcome::quantile;

/// The searches of one kind.
#[derive(Debug, Serialize)]
pub struct SearchKind {
    /// The name of the kind: the sort of text that is typed.
    pub name: &'static str,
    /// The text of one of them.
    pub example: String,
    /// The times of the searches, in milliseconds.
    pub latencies: Vec<f64>,
    /// The number of products found, over all pages.
    pub found: usize,
}

/// All searches among some products.
#[derive(Debug, Serialize)]
pub struct SearchFigures {
    /// The number of products.
    pub products: usize,
    /// The searches of each kind.
    pub kinds: Vec<SearchKind>,
}

impl fmt::Display for SearchFigures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let header = ["", "for instance", "p50 ms", "p99 ms", "slowest", "found"];
        let mut table = Table::new(header).right(2..=5);
        for SearchKind { name, example, latencies, found } in &self.kinds {
            #[expect(clippy::cast_precision_loss, reason = "both are small numbers")]
            let found = *found as f64 / latencies.len() as f64;
            let at = |at| format!("{:.1}", quantile(latencies, at));
            let found = format!("{found:.1}");
            let cells = [(*name).to_owned(), example.clone(), at(0.5), at(0.99), at(1.0), found];
            table.row(cells.map(Cell::from));
        }
        let searches = self.kinds.first().map_or(0, |kind| kind.latencies.len());
        writeln!(
            f,
            "\nSearch among {} products: {searches} of each kind, one after the other, pages of 20",
            self.products
        )?;
        writeln!(f, "{table}")
    }
}
