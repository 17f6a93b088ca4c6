//! The report of a run, as text and as JSON.

use std::collections::BTreeMap;
use std::time::Duration;

use ballet_ops::terminal::ui;
use serde::Serialize;

use crate::trials::chaos::faults::kind::FaultKind;
use crate::trials::oracle::OracleVerdict;
use crate::trials::report::show_effects;

#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct ChaosReport {
    pub(crate) seed: u64,
    pub(crate) held: bool,
    pub(crate) seconds: u64,
    pub(crate) days: i64,
    /// Partitions that were dropped with rows in them meanwhile, in each service.
    pub(crate) partitions_dropped: BTreeMap<&'static str, i64>,
    pub(crate) checks: usize,
    pub(crate) faults: BTreeMap<&'static str, usize>,
    pub(crate) failed_faults: Vec<String>,
    /// Although they were chosen or tried.
    pub(crate) not_caused: Vec<String>,
    /// Other kinds, with the reason.
    pub(crate) left_out: Vec<String>,
    pub(crate) sagas: usize,
    /// Requests without an answer in time. Their sagas must end like all others.
    pub(crate) unanswered: usize,
    pub(crate) messages: usize,
    /// Our copies under new ids.
    pub(crate) copies_with_new_ids: usize,
    /// Further deliveries with the same id.
    pub(crate) repeated_ids: usize,
    pub(crate) effects: usize,
    #[serde(flatten)]
    pub(crate) verdict: OracleVerdict,
    pub(crate) longest_stall_ms: u128,
    /// The faults during the longest stall.
    pub(crate) longest_stall_during: Vec<String>,
    /// The longest time from the last fault to quiescence.
    pub(crate) longest_recovery_ms: u128,
    pub(crate) stops: usize,
    pub(crate) longest_stop_ms: u128,
    pub(crate) bad_stops: Vec<String>,
    /// Services that had worked, and then exited by themselves.
    pub(crate) crashes: Vec<String>,
    /// All exits that we did not cause, each followed by a restart, also soon after a start.
    pub(crate) unexpected_exits: Vec<String>,
}

impl ChaosReport {
    pub(crate) fn show(&self, sagas: &str) {
        let millis = |millis| {
            let time = Duration::from_millis(u64::try_from(millis).unwrap_or(u64::MAX));
            format!("{:.1} s", time.as_secs_f64())
        };
        ui::print(&format!("\n{}", ui::bold("What was broken")));
        for kind in FaultKind::all() {
            if let Some(count) = self.faults.get(kind.name()) {
                ui::print(&format!("  {count:>6}  {}", kind.description()));
            }
        }
        ui::print(&format!("\n{}", ui::bold("What happened")));
        let lines = [
            (self.sagas.to_string(), format!("{sagas} of all kinds")),
            (
                self.unanswered.to_string(),
                "more customers got no answer that they could use".to_owned(),
            ),
            (
                self.messages.to_string(),
                format!(
                    "messages, {} of them copies under new ids; {} more under the same id",
                    self.copies_with_new_ids, self.repeated_ids
                ),
            ),
            (self.effects.to_string(), format!("effects, of {} expected", self.verdict.expected)),
            (millis(self.longest_stall_ms), "longest stall".to_owned()),
            (millis(self.longest_recovery_ms), format!("longest recovery, of {}", self.checks)),
            (millis(self.longest_stop_ms), format!("longest stop (SIGTERM), of {}", self.stops)),
            (
                self.unexpected_exits.len().to_string(),
                "unexpected exits of services, which were restarted".to_owned(),
            ),
        ];
        for (figure, text) in lines {
            ui::print(&format!("  {figure:>9}  {text}"));
        }
        if self.days > 0 {
            let dropped: i64 = self.partitions_dropped.values().sum();
            ui::print(&format!("  {:>9}  days passed; {dropped} partitions went", self.days));
        }
        ui::print("  in the longest stall:");
        ui::list(&self.longest_stall_during, ui::dim);
        ui::list(&self.unexpected_exits, ui::yellow);
        ui::list(&self.failed_faults, ui::dim);
        if !self.left_out.is_empty() {
            ui::print("  not broken:");
            ui::list(&self.left_out, ui::yellow);
        }
        show_effects(&self.verdict);
        ui::rule("every stop ended in time", &self.bad_stops);
        ui::rule("no service ended by itself", &self.crashes);
        ui::rule("what was to be broken was broken", &self.not_caused);
    }
}
