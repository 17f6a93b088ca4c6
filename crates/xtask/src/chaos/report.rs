//! What is told in the end, for people and for machines.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use super::kind::Kind;
use crate::ui;

/// The figures of a run.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Report {
    pub(crate) seed: u64,
    pub(crate) held: bool,
    pub(crate) seconds: u64,
    pub(crate) rests: usize,
    /// How often each kind of fault was done.
    pub(crate) faults: BTreeMap<&'static str, usize>,
    /// Faults that could not be done, with the reason.
    pub(crate) failed_faults: Vec<String>,
    pub(crate) orders: usize,
    /// Requests that nobody answered in time; their orders have to end like all others.
    pub(crate) unanswered: usize,
    /// Messages with different ids.
    pub(crate) messages: usize,
    /// Those of them that we made as copies of others, under other ids.
    pub(crate) other_ids: usize,
    /// Further deliveries of messages with the same id.
    pub(crate) same_ids: usize,
    /// Each message once for every service that has to act on it.
    pub(crate) effects_expected: usize,
    pub(crate) effects: usize,
    pub(crate) rows: usize,
    pub(crate) lost: Vec<String>,
    pub(crate) doubled: Vec<String>,
    pub(crate) broken: Vec<String>,
    pub(crate) unfinished: Vec<String>,
    pub(crate) longest_stall_ms: u128,
    /// From the last fault until everything was at rest.
    pub(crate) longest_recovery_ms: u128,
    pub(crate) stops: usize,
    pub(crate) longest_stop_ms: u128,
    pub(crate) bad_stops: Vec<String>,
    /// Services that ended by themselves, and were started again.
    pub(crate) ended_by_themselves: Vec<String>,
}

impl Report {
    /// Prints it for people.
    pub(crate) fn show(&self) {
        let millis = |millis| {
            let time = Duration::from_millis(u64::try_from(millis).unwrap_or(u64::MAX));
            format!("{:.1} s", time.as_secs_f64())
        };
        ui::print(&format!("\n{}", ui::bold("What was broken")));
        for kind in Kind::ALL {
            if let Some(count) = self.faults.get(kind.name()) {
                ui::print(&format!("  {count:>6}  {}", kind.words()));
            }
        }
        ui::print(&format!("\n{}", ui::bold("What came of it")));
        let lines = [
            (self.orders.to_string(), "orders of all kinds".to_owned()),
            (
                self.messages.to_string(),
                format!(
                    "messages in, {} of them copies under other ids; {} came again under the same",
                    self.other_ids, self.same_ids
                ),
            ),
            (
                self.effects.to_string(),
                format!("effects, of {} that there had to be", self.effects_expected),
            ),
            (millis(self.longest_stall_ms), "longest stall".to_owned()),
            (
                millis(self.longest_recovery_ms),
                format!("longest way back to rest, of {}", self.rests),
            ),
            (millis(self.longest_stop_ms), format!("longest stop (SIGTERM), of {}", self.stops)),
            (
                self.ended_by_themselves.len().to_string(),
                "services that ended by themselves and were started again".to_owned(),
            ),
        ];
        for (figure, words) in lines {
            ui::print(&format!("  {figure:>9}  {words}"));
        }
        ui::list(&self.ended_by_themselves, ui::yellow);
        ui::list(&self.failed_faults, ui::dim);
        ui::print(&format!("\n{}", ui::bold("What has to hold")));
        ui::rule(&format!("lost: {}", self.lost.len()), &self.lost);
        ui::rule(&format!("doubled: {}", self.doubled.len()), &self.doubled);
        let broken = format!("invariants broken: {} ({} rows)", self.broken.len(), self.rows);
        ui::rule(&broken, &self.broken);
        ui::rule("everything came to rest", &self.unfinished);
        ui::rule("every stop ended in time", &self.bad_stops);
    }
}
