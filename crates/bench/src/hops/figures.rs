//! The times of a saga's hops, as text.

use std::fmt;

use ballet_terminal::Table;
use serde::Serialize;

use crate::report::outcome::quantile;

/// The times between the hand-overs of a message, in milliseconds, for each saga.
#[derive(Debug, Serialize)]
pub struct Hop {
    /// The type of the message's event.
    pub message: &'static str,
    /// From the publisher of one service to the lane of the next. Empty for the first message.
    pub way: Vec<f64>,
    /// Until the handler begins: locks, inbox and ledger in one round trip.
    pub begin: Vec<f64>,
    /// The handler.
    pub handler: Vec<f64>,
    /// Until the next message is with the publisher: ledger and outbox are written, the transaction is on disk.
    pub commit: Vec<f64>,
    /// Until the broker has confirmed the next message. The next service does not wait for it.
    pub confirm: Vec<f64>,
}

/// A part of a hop: its name, and its times.
type HopPart<'a> = (&'static str, &'a [f64]);

impl Hop {
    pub(crate) const fn new(message: &'static str) -> Self {
        Self {
            message,
            way: Vec::new(),
            begin: Vec::new(),
            handler: Vec::new(),
            commit: Vec::new(),
            confirm: Vec::new(),
        }
    }

    /// The parts in sequence.
    pub(crate) fn parts(&self) -> [HopPart<'_>; 4] {
        [
            ("through the broker", &self.way),
            ("begin", &self.begin),
            ("handler", &self.handler),
            ("commit", &self.commit),
        ]
    }
}

/// The median. 0 for the way of the first message, which no span covers.
pub(crate) fn median(all: &[f64]) -> f64 {
    if all.is_empty() { 0.0 } else { quantile(all, 0.5) }
}

/// The figures.
#[derive(Debug, Serialize)]
pub struct Hops {
    /// From a saga's request to its end, in milliseconds.
    pub latencies: Vec<f64>,
    /// The saga's messages, in order.
    pub hops: Vec<Hop>,
}

impl fmt::Display for Hops {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { latencies, hops } = self;
        let (p50, p99) = (quantile(latencies, 0.5), quantile(latencies, 0.99));
        writeln!(
            f,
            "\nHops: {} sagas, one after the other, p50 {p50:.1} ms, p99 {p99:.1} ms",
            latencies.len()
        )?;
        let mut table = Table::new(["", "p50 ms", "p99 ms", "in a saga", "share %"]).right(1..=4);
        for at in 0..4 {
            let all: Vec<f64> = hops.iter().flat_map(|hop| hop.parts()[at].1).copied().collect();
            let in_saga: f64 = hops.iter().map(|hop| median(hop.parts()[at].1)).sum();
            let figures = [quantile(&all, 0.5), quantile(&all, 0.99), in_saga];
            let share = format!("{:.0}", in_saga / p50 * 100.0);
            let name = hops.first().map_or("", |hop| hop.parts()[at].0).to_owned();
            let figures = figures.map(|figure| format!("{figure:.2}"));
            table.row([name].into_iter().chain(figures).chain([share]).map(Into::into));
        }
        writeln!(f, "{}", table.draw(None))?;
        let confirms: Vec<f64> = hops.iter().flat_map(|hop| &hop.confirm).copied().collect();
        let (p50, p99) = (quantile(&confirms, 0.5), quantile(&confirms, 0.99));
        writeln!(f, "  beside the next hop, the broker's confirm: p50 {p50:.2} ms, p99 {p99:.2} ms")
    }
}
