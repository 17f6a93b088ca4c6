//! The report of an audit.

use std::collections::BTreeMap;
use std::fmt;

use jiff::SignedDuration;
use serde::Serialize;
use uuid::Uuid;

use crate::words::counted;

/// The findings of an audit.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The number of rows checked.
    pub rows: usize,
    /// The broken rules: a sentence each, with the saga and the row.
    pub violations: Vec<String>,
    /// The sagas and queues that are not quiescent, with what they wait for.
    pub open: Vec<String>,
    /// The sagas and messages that wait for a person, with the reason.
    pub stuck: Vec<String>,
    /// The sagas that ended too recently to be judged. A later audit judges them.
    pub recent: Vec<String>,
    /// The rows that no audit can read, with the reason.
    pub unseen: Vec<String>,
    /// The servers that did not answer, with the reason.
    pub away: Vec<String>,
    /// The open or stuck sagas; true if a person has to act. A system's own audit skips their rows, which are not
    /// final.
    #[serde(skip)]
    pub unsettled: BTreeMap<Uuid, bool>,
    /// The compensations done and call outcomes reported by a person, by saga and service, with a sentence that names
    /// the person. The service's own rows do not show them.
    #[serde(skip)]
    pub by_hand: BTreeMap<(Uuid, String), String>,
}

/// The meaning of a part of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PartVerdict {
    /// All is well.
    Good,
    /// Something is wrong, or was not read.
    Bad,
    /// Something has not ended, or was not read.
    Open,
    /// A later audit judges it.
    Later,
}

/// A part of a report, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportPart<'a> {
    /// The meaning of this part.
    pub verdict: PartVerdict,
    /// The summary, as a sentence.
    pub said: String,
    /// The cases, a sentence each.
    pub cases: &'a [String],
}

impl Report {
    /// Describes what was read, in a sentence.
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

    /// Returns the parts in the order in which they are printed.
    #[must_use]
    pub fn parts(&self, quiescent_after: SignedDuration) -> Vec<ReportPart<'_>> {
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
            [] => PartVerdict::Good,
            _ => PartVerdict::Bad,
        };
        let mut parts = vec![
            ReportPart { verdict: verdict(violations), said: wrong, cases: violations },
            ReportPart { verdict: verdict(stuck), said: waits, cases: stuck },
        ];
        let recently = format!(
            "ended in the last {} s, and the next audit judges them",
            quiescent_after.as_secs()
        );
        for (verdict, said, lines, cases) in [
            (
                PartVerdict::Bad,
                "did not answer, so nothing is said of them; the rest is judged",
                away,
                &away[..],
            ),
            (PartVerdict::Open, "open, and why", open, &open[..]),
            (PartVerdict::Open, "not looked at, so not judged", unseen, &unseen[..]),
            (PartVerdict::Later, &recently, recent, &[]),
        ] {
            if !lines.is_empty() {
                parts.push(ReportPart { verdict, said: format!("{} {said}", lines.len()), cases });
            }
        }
        if open.is_empty() && stuck.is_empty() && away.is_empty() {
            let said = "everything is quiescent".to_owned();
            parts.push(ReportPart { verdict: PartVerdict::Good, said, cases: &[] });
        }
        parts
    }

    /// Whether there are no violations. Something may be open, stuck or unseen.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.violations.is_empty()
    }

    /// Whether nobody has to act: no violation, and nothing stuck. Open sagas go on by themselves.
    #[must_use]
    pub fn needs_nobody(&self) -> bool {
        self.is_clean() && self.stuck.is_empty()
    }

    /// Whether everything was judged without violations. Something may be stuck.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        let Self { violations, open, recent, away, .. } = self;
        [violations, open, recent, away].iter().all(|lines| lines.is_empty())
    }

    /// Whether everything was judged without violations, and nothing is open or stuck.
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
