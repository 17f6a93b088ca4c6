//! The report of a run, as text and as JSON.

use std::collections::BTreeMap;

use ballet_ops::terminal::ui;
use serde::Serialize;

use crate::trials::oracle::OracleVerdict;
use crate::trials::report::show_effects;

#[derive(Debug, Clone, Serialize)]
pub(crate) struct ChaosReport {
    pub(crate) seed: u64,
    pub(crate) held: bool,
    pub(crate) seconds: u64,
    pub(crate) checks: usize,
    pub(crate) faults: BTreeMap<String, usize>,
    pub(crate) failed_faults: Vec<String>,
    /// Kinds that the user has chosen.
    pub(crate) not_caused: Vec<String>,
    /// Other kinds that were not caused, or are not possible here.
    pub(crate) left_out: Vec<String>,
    pub(crate) sagas: usize,
    /// Requests without an answer in time. Their sagas must end like all others.
    pub(crate) unanswered: usize,
    pub(crate) messages: usize,
    pub(crate) effects: usize,
    #[serde(flatten)]
    pub(crate) verdict: OracleVerdict,
    pub(crate) longest_stall_seconds: f64,
    /// The longest time from the last fault to quiescence.
    pub(crate) longest_recovery_seconds: f64,
    pub(crate) stops: usize,
    pub(crate) longest_stop_seconds: f64,
    pub(crate) bad_stops: Vec<String>,
    /// Services that had worked, and then exited by themselves.
    pub(crate) crashes: Vec<String>,
}

impl ChaosReport {
    pub(crate) fn show(&self, sagas: &str) {
        ui::print(&format!("\n{}", ui::bold("What was broken")));
        for (kind, count) in &self.faults {
            ui::print(&format!("  {count:>9}  {kind}"));
        }
        ui::print(&format!("\n{}", ui::bold("What happened")));
        let seconds = |seconds: f64| format!("{seconds:.1} s");
        let lines = [
            (self.sagas.to_string(), format!("{sagas} of all kinds")),
            (self.unanswered.to_string(), "more customers without a usable answer".to_owned()),
            (self.messages.to_string(), "messages".to_owned()),
            (self.effects.to_string(), format!("effects, of {} expected", self.verdict.expected)),
            (seconds(self.longest_stall_seconds), "longest stall".to_owned()),
            (
                seconds(self.longest_recovery_seconds),
                format!("longest recovery, of {}", self.checks),
            ),
            (
                seconds(self.longest_stop_seconds),
                format!("longest stop (SIGTERM), of {}", self.stops),
            ),
        ];
        for (figure, text) in lines {
            ui::print(&format!("  {figure:>9}  {text}"));
        }
        ui::list(&self.failed_faults, ui::dim);
        if !self.left_out.is_empty() {
            ui::print(&format!("  not broken: {}", ui::yellow(&self.left_out.join("; "))));
        }
        show_effects(&self.verdict);
        ui::rule("every stop ended in time", &self.bad_stops);
        ui::rule("no service ended by itself", &self.crashes);
        ui::rule("what was to be broken was broken", &self.not_caused);
    }
}
