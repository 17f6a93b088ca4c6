//! Which of several servers that take writes counts. There is no I/O here.

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Primary {
    /// The system identifier. `initdb` makes it, and `pg_upgrade` takes a new one.
    pub(super) cluster: i64,
    /// Each promotion begins a new one. `pg_upgrade` begins with the first again.
    pub(super) timeline: u32,
}

#[derive(Debug, Default)]
pub(super) struct Primaries {
    /// The latest of the cluster in use.
    latest: Option<Primary>,
    passed_over: Vec<(usize, String)>,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) struct ChosenServer {
    pub(super) at: Option<usize>,
    /// The servers that take writes and, for the first time, do not count, and why.
    pub(super) passed_over: Vec<(usize, String)>,
}

impl Primaries {
    /// Chooses the server with the latest timeline of a cluster. A timeline earlier than the latest
    /// seen does not count, even if it is the only one. Timelines of two clusters cannot be
    /// compared, so another cluster counts only after a restart of the service.
    ///
    /// Among several servers with the same timeline, the one in use stays.
    pub(super) fn choose(&mut self, writable: &[(usize, Primary)], in_use: usize) -> ChosenServer {
        let counts = |primary: &Primary| {
            self.latest.is_none_or(|latest| {
                primary.cluster == latest.cluster && primary.timeline >= latest.timeline
            })
        };
        let chosen = writable
            .iter()
            .filter(|(_, primary)| counts(primary))
            .max_by_key(|(at, one)| (one.timeline, *at == in_use));
        if let Some((_, primary)) = chosen {
            self.latest = Some(*primary);
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
            _ => format!(
                "it is of another cluster (system identifier {cluster}). If that one is right, such as after \
                 pg_upgrade, restart the service. If not, stop it, or take it out of the database's URL"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn primary(cluster: i64, timeline: u32) -> Primary {
        Primary { cluster, timeline }
    }

    #[test]
    fn of_one_cluster_the_latest_timeline_counts_and_no_earlier_one_than_was_seen() {
        let mut primaries = Primaries::default();
        let mut chosen = |all: &[(usize, Primary)], in_use| primaries.choose(all, in_use).at;
        assert_eq!(chosen(&[(0, primary(7, 5))], 0), Some(0));
        assert_eq!(chosen(&[(0, primary(7, 5)), (1, primary(7, 6))], 0), Some(1));
        assert_eq!(chosen(&[(0, primary(7, 5))], 1), None);
        assert_eq!(chosen(&[(0, primary(7, 6)), (1, primary(7, 6))], 0), Some(0));
        assert_eq!(chosen(&[], 0), None);
    }

    #[test]
    fn another_cluster_than_the_first_counts_never() {
        let mut primaries = Primaries::default();
        let (ours, foreign) = ((0, primary(7, 5)), (1, primary(9, 9)));
        assert_eq!(primaries.choose(&[ours], 0).at, Some(0));
        assert_eq!(primaries.choose(&[foreign], 0).at, None);
        assert_eq!(primaries.choose(&[ours, foreign], 0).at, Some(0));
    }

    #[test]
    fn a_server_that_is_passed_over_is_told_once() {
        let mut primaries = Primaries::default();
        let both = [(0, primary(7, 5)), (1, primary(7, 6))];
        let mut told = |all: &[(usize, Primary)], in_use| primaries.choose(all, in_use).passed_over;
        let first = told(&both, 0);
        assert!(first[0].0 == 0 && first[0].1.starts_with("its timeline is 5, and"), "{first:?}");
        assert_eq!(told(&both, 1), []);
        told(&both[1..], 1);
        assert_eq!(told(&both, 1).len(), 1);
        let foreign = told(&[(0, primary(9, 9)), (1, primary(7, 6))], 1);
        assert!(foreign[0].1.contains("another cluster (system identifier 9)"), "{foreign:?}");
    }
}
