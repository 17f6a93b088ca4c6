//! The states of a saga, the causes of its waiting, and the rule for the three states of an open saga.
//! docs/when-it-hangs.md defines them.

use std::fmt;

use jiff::{SignedDuration, Timestamp};

use crate::standing::hindrance::Hindrance;

/// A step is late this long after its cause, unless something is known to hinder it.
pub const PATIENCE: SignedDuration = SignedDuration::from_mins(5);

/// The reason why a saga waits for a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SagaWait {
    /// The service.
    pub service: String,
    /// The missing work, as a predicate of the service, such as `has not acted on orders.order_placed.v1`.
    pub what: String,
    /// The event on which it has not acted.
    pub event_type: Option<String>,
    /// The step that would go on. A decision that nobody can make yet has none.
    pub step: Option<&'static str>,
    /// Whether the step stays open by design.
    pub stays_open: bool,
    /// When the waiting began.
    pub since: Timestamp,
    /// The cause, if it is known.
    pub why: Option<String>,
    /// Whether no process of the service is alive.
    pub is_silent: bool,
    /// Whether its message is a dead letter, which needs a person.
    pub is_dead: bool,
    /// The time of the next attempt after a failure.
    pub next_at: Option<Timestamp>,
}

/// The state of a saga.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum SagaState {
    /// A person has to act.
    Stuck,
    /// A known cause outside of the saga blocks it, and it goes on by itself afterwards.
    Blocked,
    /// Something is due and on time.
    Waiting,
    /// It has ended as it should.
    Completed,
    /// It has ended, and is undone.
    Aborted,
}

impl SagaState {
    /// All states. Those that need a person come first.
    pub const ALL: [Self; 5] =
        [Self::Stuck, Self::Blocked, Self::Waiting, Self::Completed, Self::Aborted];

    /// Returns the state of an open saga. One that needs a person is stuck whatever else hinders it, and a known cause
    /// explains lateness.
    #[must_use]
    pub const fn open(needs_person: bool, is_hindered: bool, is_late: bool) -> Self {
        match (needs_person, is_hindered, is_late) {
            (true, ..) | (false, false, true) => Self::Stuck,
            (false, true, _) => Self::Blocked,
            (false, false, false) => Self::Waiting,
        }
    }

    /// Returns the state as a word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Stuck => "stuck",
            Self::Blocked => "blocked",
            Self::Waiting => "waiting",
            Self::Completed => "completed",
            Self::Aborted => "aborted",
        }
    }

    /// Parses a word of [`as_str`](Self::as_str).
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }

    /// Whether a service has something to do for the saga.
    #[must_use]
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Stuck | Self::Blocked | Self::Waiting)
    }
}

impl fmt::Display for SagaState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The wait that decides the state of an open saga.
#[derive(Debug, Clone, Copy)]
pub struct PressingWait<'w> {
    /// A wait that needs a person, or else the oldest one.
    pub wait: &'w SagaWait,
    /// The time after which the saga is late. `None` if a step stays open by design.
    pub due: Option<Timestamp>,
}

impl<'w> PressingWait<'w> {
    /// Chooses the most pressing wait. Before its deadline a saga is not late, since its owner aborts it then.
    #[must_use]
    pub fn of(
        waits: &'w [SagaWait],
        deadline: Option<Timestamp>,
        patience: SignedDuration,
    ) -> Option<Self> {
        let wait = waits.iter().min_by_key(|wait| (!wait.is_dead, wait.since))?;
        let is_patient = waits.iter().any(|wait| wait.stays_open && !wait.is_dead);
        let from = deadline.map_or(wait.since, |deadline| deadline.max(wait.since));
        let due = from.checked_add(patience).ok().filter(|_| !is_patient);
        Some(Self { wait, due })
    }

    /// Returns the saga's state, and the hindrance if it is blocked.
    #[must_use]
    pub fn state<'h>(
        &self,
        hindrances: &'h [Hindrance],
        now: Timestamp,
    ) -> (SagaState, Option<&'h Hindrance>) {
        let SagaWait { service, step, is_dead, .. } = self.wait;
        let hinders = hindrances.iter().find(|one| one.hinders(service, *step));
        let is_late = self.due.is_some_and(|due| due < now);
        let state = SagaState::open(*is_dead, hinders.is_some(), is_late);
        (state, hinders.filter(|_| state == SagaState::Blocked))
    }
}

#[cfg(test)]
mod tests {
    use std::slice::from_ref;

    use super::*;

    fn wait(service: &str, since: i64) -> SagaWait {
        SagaWait {
            service: service.to_owned(),
            what: String::new(),
            event_type: None,
            step: Some("reserve"),
            stays_open: false,
            since: Timestamp::from_second(since).expect("a time"),
            why: None,
            is_silent: false,
            is_dead: false,
            next_at: None,
        }
    }

    #[test]
    fn a_person_counts_before_a_cause_and_a_cause_before_the_time() {
        let now = Timestamp::from_second(1_000).expect("a time");
        let hindrance = |step: Option<&str>| Hindrance {
            service: "stock".to_owned(),
            step: step.map(str::to_owned),
            why: "it has no process".to_owned(),
        };
        let state = |waits: &[SagaWait], hindrances: &[Hindrance]| {
            let pressing = PressingWait::of(waits, None, PATIENCE).expect("it waits");
            pressing.state(hindrances, now).0
        };
        let (young, old) = (wait("stock", 900), wait("stock", 600));
        assert_eq!(state(from_ref(&young), &[]), SagaState::Waiting);
        assert_eq!(state(&[young.clone(), old.clone()], &[]), SagaState::Stuck);
        assert_eq!(state(from_ref(&old), &[hindrance(None)]), SagaState::Blocked);
        assert_eq!(state(from_ref(&young), &[hindrance(Some("reserve"))]), SagaState::Blocked);
        assert_eq!(state(from_ref(&old), &[hindrance(Some("ship"))]), SagaState::Stuck);
        let dead = SagaWait { is_dead: true, ..young.clone() };
        assert_eq!(state(&[old.clone(), dead], &[hindrance(None)]), SagaState::Stuck);
        let patient = SagaWait { stays_open: true, ..old };
        assert_eq!(state(&[patient], &[]), SagaState::Waiting);
    }

    #[test]
    fn until_its_deadline_nothing_is_late() {
        let (now, waits) = (Timestamp::from_second(1_000).expect("a time"), [wait("stock", 0)]);
        let state = |deadline: i64| {
            let deadline = Timestamp::from_second(deadline).ok();
            PressingWait::of(&waits, deadline, PATIENCE).expect("it waits").state(&[], now).0
        };
        assert_eq!((state(900), state(600)), (SagaState::Waiting, SagaState::Stuck));
    }
}
