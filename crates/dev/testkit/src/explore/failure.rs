//! A failed schedule, told in words that are the same in every run.

use std::fmt;

use jiff::Timestamp;
use uuid::Uuid;

use crate::explore::action::Action;

/// A schedule after which something is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailedSchedule {
    /// The seed that found it.
    pub seed: u64,
    /// The number of actions that the seed chose.
    pub found: usize,
    /// The shortest schedule that fails.
    pub actions: Vec<Action>,
    /// What is wrong then, a sentence each.
    pub wrong: Vec<String>,
}

impl fmt::Display for FailedSchedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seed, found, actions, wrong } = self;
        writeln!(f, "seed {seed} fails; of its {found} actions these are needed:")?;
        for (at, action) in actions.iter().enumerate() {
            writeln!(f, "  {}. {action}", at + 1)?;
        }
        writeln!(f, "  {}. everything that is left comes in its order", actions.len() + 1)?;
        writeln!(f, "then:")?;
        wrong.iter().try_for_each(|wrong| writeln!(f, "  {wrong}"))?;
        write!(f, "The same again: --seed {seed}")
    }
}

/// Replaces what differs between runs: ids by the numbers in which they first occur, after those of the sagas, and
/// times.
pub(super) fn masked(lines: &[String], sagas: &[Uuid]) -> Vec<String> {
    let mut ids = sagas.to_vec();
    lines.iter().map(|line| masked_line(line, &mut ids)).collect()
}

fn masked_line(line: &str, ids: &mut Vec<Uuid>) -> String {
    let in_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | ':' | '.' | '+');
    let mut masked = String::new();
    for piece in line.split_inclusive(|c| !in_word(c)) {
        let end = piece.trim_end_matches(|c| !in_word(c)).trim_end_matches(['.', ':']);
        let rest = &piece[end.len()..];
        if let (36, Ok(id)) = (end.len(), end.parse::<Uuid>()) {
            let at = ids.iter().position(|known| *known == id).unwrap_or_else(|| {
                ids.push(id);
                ids.len() - 1
            });
            masked.push_str(&format!("#{}", at + 1));
        } else if end.parse::<Timestamp>().is_ok() {
            masked.push_str("(a time)");
        } else {
            masked.push_str(end);
        }
        masked.push_str(rest);
    }
    masked
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_and_times_are_masked() {
        let ids = [1_u128, 2, 3].map(Uuid::from_u128);
        let line =
            format!("saga {}: row {} of {}, at 2026-01-02T03:04:05.6Z.", ids[1], ids[2], ids[1]);
        let masked = masked(&[line], &ids[..2]);
        assert_eq!(masked, ["saga #2: row #3 of #2, at (a time)."]);
    }
}
