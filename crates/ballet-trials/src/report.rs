//! What every run with checked orders reports alike.

use ballet_terminal::ui;

/// Prints whether every effect happened once, and everything came to an end.
pub(crate) fn show_effects(
    lost: &[String],
    doubled: &[String],
    broken: &[String],
    rows: usize,
    unfinished: &[String],
) {
    ui::print(&format!("\n{}", ui::bold("What must hold")));
    ui::rule(&format!("lost: {}", lost.len()), lost);
    ui::rule(&format!("doubled: {}", doubled.len()), doubled);
    ui::rule(&format!("invariants broken: {} ({rows} rows)", broken.len()), broken);
    ui::rule("everything came to an end", unfinished);
}
