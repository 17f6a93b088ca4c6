//! Which of several servers that take writes counts. There is no I/O here.

use std::time::{Duration, Instant};

/// Another cluster counts when it was found for this long without the one in use. One answer that is missed says
/// nothing, and a cluster that was left counts no more.
const HALF_A_MINUTE: Duration = Duration::from_secs(30);
/// A look and the pause after it take less. While the process stood still it has seen nothing.
const LONGEST_LOOK: Duration = Duration::from_secs(6);

/// A server that takes writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Primary {
    /// The system identifier. `initdb` makes it, and `pg_upgrade` takes a new one.
    pub(super) cluster: i64,
    /// Each promotion begins a new one. `pg_upgrade` begins with the first again.
    pub(super) timeline: u32,
}

/// The servers that were seen taking writes.
#[derive(Debug, Default)]
pub(super) struct Primaries {
    /// The latest of the cluster in use.
    latest: Option<Primary>,
    /// How long only other clusters were found.
    away: Duration,
    /// When that was, if it was at the last look.
    away_at: Option<Instant>,
    /// The clusters that were in use before. Their servers count no more.
    replaced: Vec<i64>,
    /// The servers that are passed over, each with the reason.
    passed_over: Vec<(usize, String)>,
}

/// The server to use, if one counts.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ChosenServer {
    pub(super) at: Option<usize>,
    /// The servers that take writes and, for the first time, do not count, and why.
    pub(super) passed_over: Vec<(usize, String)>,
}

impl Primaries {
    /// Chooses the server with the latest timeline of a cluster. A server with an earlier timeline than the latest seen
    /// does not count, even if it is the only one. Timelines of two clusters cannot be compared: another cluster counts
    /// when only that one has taken writes for a while, and from then on the known one does not. A look that finds no
    /// server says nothing, and the time around it does not count.
    ///
    /// Among several servers with the same timeline, the one in use stays.
    pub(super) fn choose(
        &mut self,
        writable: &[(usize, Primary)],
        in_use: usize,
        now: Instant,
    ) -> ChosenServer {
        let known = self.latest.map(|latest| latest.cluster);
        let is_known = |primary: &Primary| known.is_none_or(|known| primary.cluster == known);
        let candidates: Vec<&(usize, Primary)> = writable
            .iter()
            .filter(|(_, primary)| !self.replaced.contains(&primary.cluster))
            .collect();
        let known_is_there = writable.iter().any(|(_, primary)| is_known(primary));
        let is_away = !known_is_there && !candidates.is_empty();
        let before = std::mem::replace(&mut self.away_at, is_away.then_some(now));
        if known_is_there {
            self.away = Duration::ZERO;
        } else if is_away && let Some(before) = before {
            self.away += now.saturating_duration_since(before).min(LONGEST_LOOK);
        }
        let may_leave = self.away >= HALF_A_MINUTE;
        let best = candidates
            .into_iter()
            .filter(|(_, primary)| may_leave || is_known(primary))
            .max_by_key(|(at, one)| (Some(one.cluster) == known, one.timeline, *at == in_use));
        let chosen = best.filter(|(_, best)| {
            self.latest.is_none_or(|latest| {
                latest.cluster != best.cluster || latest.timeline <= best.timeline
            })
        });
        if let Some((_, primary)) = chosen {
            self.replaced.extend(known.filter(|known| *known != primary.cluster));
            self.latest = Some(*primary);
            (self.away, self.away_at) = (Duration::ZERO, None);
        }
        let at = chosen.map(|(at, _)| *at);
        let others = writable.iter().filter(|(other, _)| Some(*other) != at);
        let passed_over = others.map(|(at, primary)| (*at, self.why_not(*primary))).collect();
        let before = std::mem::replace(&mut self.passed_over, passed_over);
        let passed_over =
            self.passed_over.iter().filter(|one| !before.contains(one)).cloned().collect();
        ChosenServer { at, passed_over }
    }

    fn why_not(&self, primary: Primary) -> String {
        let Primary { cluster, timeline } = primary;
        match self.latest {
            Some(latest) if latest.cluster == cluster => format!(
                "its timeline is {timeline}, and another one has shown {}. It was replaced: stop it, and \
                 make it a standby",
                latest.timeline
            ),
            _ if self.replaced.contains(&cluster) => format!(
                "it is of a cluster that was in use before (system identifier {cluster}). Stop it, or take \
                 it out of the database's URL. If it is the right one, restart the service"
            ),
            _ => format!(
                "it is of another cluster (system identifier {cluster}). That one counts when for half a \
                 minute no server of the one in use takes writes. If it is not the right one, stop it, or \
                 take it out of the database's URL"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The time between two looks of a service whose old server does not answer.
    const A_LOOK: Duration = Duration::from_secs(5);
    /// After this many looks, the next one is half a minute after the first.
    const LOOKS: u32 = 6;

    fn primary(cluster: i64, timeline: u32) -> Primary {
        Primary { cluster, timeline }
    }

    #[test]
    fn of_one_cluster_the_latest_timeline_counts_and_no_earlier_one_than_was_seen() {
        let mut primaries = Primaries::default();
        let now = Instant::now();
        let mut chosen = |all: &[(usize, Primary)], in_use| primaries.choose(all, in_use, now).at;
        assert_eq!(chosen(&[(0, primary(7, 5))], 0), Some(0));
        assert_eq!(chosen(&[(0, primary(7, 5)), (1, primary(7, 6))], 0), Some(1));
        assert_eq!(chosen(&[(0, primary(7, 5))], 1), None);
        assert_eq!(chosen(&[(0, primary(7, 6)), (1, primary(7, 6))], 0), Some(0));
        assert_eq!(chosen(&[], 0), None);
    }

    #[test]
    fn an_upgraded_cluster_begins_with_the_first_timeline_and_fails_over() {
        let mut primaries = Primaries::default();
        let mut now = Instant::now();
        let mut chosen = |all: &[(usize, Primary)], in_use| {
            now += A_LOOK;
            primaries.choose(all, in_use, now).at
        };
        assert_eq!(chosen(&[(0, primary(7, 5))], 0), Some(0));
        for _ in 0..LOOKS {
            assert_eq!(chosen(&[(0, primary(8, 1))], 0), None);
        }
        assert_eq!(chosen(&[(0, primary(8, 1))], 0), Some(0));
        assert_eq!(chosen(&[(1, primary(8, 2))], 0), Some(1));
        assert_eq!(chosen(&[(0, primary(8, 1))], 1), None, "it was replaced");
        assert_eq!(chosen(&[(0, primary(7, 6))], 1), None, "it was upgraded");
        assert_eq!(chosen(&[(0, primary(9, 9)), (1, primary(8, 2))], 1), Some(1), "a foreign one");
    }

    #[test]
    fn a_cluster_that_misses_an_answer_stays_in_use() {
        let mut primaries = Primaries::default();
        let mut now = Instant::now();
        let mut chosen = |all: &[(usize, Primary)], after: Duration| {
            now += after;
            primaries.choose(all, 0, now).at
        };
        let (ours, foreign) = ((0, primary(7, 5)), (1, primary(9, 9)));
        assert_eq!(chosen(&[ours], A_LOOK), Some(0));
        for _ in 0..3 {
            for _ in 0..LOOKS {
                assert_eq!(chosen(&[foreign], A_LOOK), None);
            }
            assert_eq!(chosen(&[ours, foreign], A_LOOK), Some(0));
        }
        // Where nobody answers, the service may be cut off itself.
        assert_eq!(chosen(&[foreign], A_LOOK), None);
        for _ in 0..LOOKS {
            assert_eq!(chosen(&[], A_LOOK), None);
        }
        assert_eq!(chosen(&[foreign], A_LOOK), None);
        // Or the process stood still.
        assert_eq!(chosen(&[foreign], 2 * HALF_A_MINUTE), None);
        assert_eq!(chosen(&[ours], A_LOOK), Some(0));
    }

    #[test]
    fn a_server_that_is_passed_over_is_told_once() {
        let mut primaries = Primaries::default();
        let both = [(0, primary(7, 5)), (1, primary(7, 6))];
        let now = Instant::now();
        let mut told =
            |all: &[(usize, Primary)], in_use| primaries.choose(all, in_use, now).passed_over;
        let first = told(&both, 0);
        assert!(first[0].0 == 0 && first[0].1.starts_with("its timeline is 5, and"), "{first:?}");
        assert_eq!(told(&both, 1), []);
        told(&both[1..], 1);
        assert_eq!(told(&both, 1).len(), 1);
        let foreign = told(&[(0, primary(9, 9)), (1, primary(7, 6))], 1);
        assert!(foreign[0].1.contains("another cluster (system identifier 9)"), "{foreign:?}");
    }
}
