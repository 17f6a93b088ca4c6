//! What an audit found.

use std::collections::BTreeMap;
use std::fmt;

use jiff::SignedDuration;
use serde::Serialize;
use uuid::Uuid;

use crate::words::counted;

/// What an audit found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The number of rows checked.
    pub rows: usize,
    /// What is wrong: a sentence each, with the saga and the row.
    pub violations: Vec<String>,
    /// What is not quiescent, so that it cannot be judged yet, and what it waits for.
    pub open: Vec<String>,
    /// What goes on only when somebody acts, with the reason.
    pub stuck: Vec<String>,
    /// What ended too lately to be judged. It is not open, and a later audit judges it.
    pub recent: Vec<String>,
    /// What no audit can look at, so that nothing is said of it, and why.
    pub unseen: Vec<String>,
    /// Who did not answer, so that nothing is said of them, and why.
    pub away: Vec<String>,
    /// The sagas of what is open or stuck; true if somebody has to act. What a system's own audit finds in
    /// their rows is not how they end.
    #[serde(skip)]
    pub unsettled: BTreeMap<Uuid, bool>,
    /// The saga and service of each compensation that a person did outside of the system, or call whose outcome is what a
    /// person said, with who says so. The service's own rows do not show it.
    #[serde(skip)]
    pub by_hand: BTreeMap<(Uuid, String), String>,
}

/// What a part of a report means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// All is well.
    Good,
    /// Something is wrong, or was not read.
    Bad,
    /// Something is not over, or not looked at.
    Open,
    /// There is nothing to look at yet.
    Later,
}

/// A part of a report, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part<'a> {
    /// What it means.
    pub verdict: Verdict,
    /// A sentence.
    pub said: String,
    /// The cases, a sentence each.
    pub cases: &'a [String],
}

impl Report {
    /// What was read, in a sentence.
    #[must_use]
    pub fn scope(&self, services: usize, quiescent_after: SignedDuration) -> String {
        format!(
            "{} of {}, their ledgers, outboxes and calls, and the broker's queues; \
             quiescent is what has not changed for {} s",
            counted(self.rows, "row"),
            counted(services, "service"),
            quiescent_after.as_secs()
        )
    }

    /// What was found, in the order in which it is read.
    #[must_use]
    pub fn parts(&self, quiescent_after: SignedDuration) -> Vec<Part<'_>> {
        let Self { violations, open, stuck, recent, unseen, away, .. } = self;
        let wrong = match violations.len() {
            0 => "no violations".to_owned(),
            count => counted(count, "violation"),
        };
        let waits = match stuck.len() {
            0 => "nothing waits for a person".to_owned(),
            1 => "1 thing goes on only when a person acts".to_owned(),
            count => format!("{count} things go on only when a person acts"),
        };
        let verdict = |cases: &[String]| match cases {
            [] => Verdict::Good,
            _ => Verdict::Bad,
        };
        let mut parts = vec![
            Part { verdict: verdict(violations), said: wrong, cases: violations },
            Part { verdict: verdict(stuck), said: waits, cases: stuck },
        ];
        let recently = format!(
            "ended in the last {} s, and the next audit judges them",
            quiescent_after.as_secs()
        );
        for (verdict, said, lines, cases) in [
            (
                Verdict::Bad,
                "did not answer, so nothing is said of them; the rest is judged",
                away,
                &away[..],
            ),
            (Verdict::Open, "open, and why", open, &open[..]),
            (Verdict::Open, "not looked at, so not judged", unseen, &unseen[..]),
            (Verdict::Later, &recently, recent, &[]),
        ] {
            if !lines.is_empty() {
                parts.push(Part { verdict, said: format!("{} {said}", lines.len()), cases });
            }
        }
        if open.is_empty() && stuck.is_empty() && away.is_empty() {
            let said = "everything is quiescent".to_owned();
            parts.push(Part { verdict: Verdict::Good, said, cases: &[] });
        }
        parts
    }

    /// Whether there are no violations. Something may still be open, stuck or unseen.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.violations.is_empty()
    }

    /// Whether nobody has to act: there are no violations, and nothing is stuck. What is open goes on by
    /// itself.
    #[must_use]
    pub fn needs_nobody(&self) -> bool {
        self.is_clean() && self.stuck.is_empty()
    }

    /// Whether everything was judged, and there are no violations. Something may be stuck, and then it
    /// is in the state that the report says.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        let Self { violations, open, recent, away, .. } = self;
        [violations, open, recent, away].iter().all(|lines| lines.is_empty())
    }

    /// Whether everything was judged, there are no violations, and nothing is open or stuck.
    #[must_use]
    pub fn is_quiescent(&self) -> bool {
        self.is_settled() && self.stuck.is_empty()
    }

    /// Merges this report with another one.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.add(other);
        self
    }

    /// Adds what another report says.
    pub(crate) fn add(&mut self, other: Self) {
        self.rows += other.rows;
        self.violations.extend(other.violations);
        self.open.extend(other.open);
        self.stuck.extend(other.stuck);
        self.recent.extend(other.recent);
        self.unseen.extend(other.unseen);
        self.away.extend(other.away);
        for (saga, is_stuck) in other.unsettled {
            self.does_not_settle(saga, is_stuck);
        }
        self.by_hand.extend(other.by_hand);
    }

    /// Notes that a saga is open, or stuck.
    pub(crate) fn does_not_settle(&mut self, saga: Uuid, is_stuck: bool) {
        *self.unsettled.entry(saga).or_default() |= is_stuck;
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rows, violations, open, stuck, recent, unseen, away, .. } = self;
        writeln!(
            f,
            "{} checked, {}, {} open, {} stuck",
            counted(*rows, "row"),
            counted(violations.len(), "violation"),
            open.len(),
            stuck.len()
        )?;
        let lists = [
            ("violation", violations),
            ("open", open),
            ("stuck", stuck),
            ("recent", recent),
            ("unseen", unseen),
            ("away", away),
        ];
        for (what, lines) in lists {
            for line in lines {
                writeln!(f, "{what}: {line}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn somebody_has_to_act_on_a_dead_letter_and_not_on_what_is_open() {
        let lines = || vec!["a sentence".to_owned()];
        let open = Report { open: lines(), ..Report::default() };
        assert!(open.needs_nobody() && !open.is_quiescent());
        let stuck = Report { stuck: lines(), ..Report::default() };
        assert!(stuck.is_clean() && !stuck.needs_nobody());
        assert!(!open.and(stuck).needs_nobody());
        assert!(!Report { violations: lines(), ..Report::default() }.needs_nobody());
    }
}
