//! What the reports of all runs with checked sagas share.

use ballet_ops::terminal::ui;

use crate::trials::oracle::OracleVerdict;

/// Whether every effect happened once, and everything ended.
pub(crate) fn show_effects(verdict: &OracleVerdict) {
    let OracleVerdict { rows, lost, doubled, broken, unfinished, .. } = verdict;
    ui::print(&format!("\n{}", ui::bold("What must hold")));
    ui::rule(&format!("lost: {}", lost.len()), lost);
    ui::rule(&format!("doubled: {}", doubled.len()), doubled);
    ui::rule(&format!("invariants broken: {} ({rows} rows)", broken.len()), broken);
    ui::rule("everything came to an end", unfinished);
}
