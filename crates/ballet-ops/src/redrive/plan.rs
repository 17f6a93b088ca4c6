//! The plan of an operation: the dead letters that it is about.

use std::collections::{BTreeSet, HashMap, HashSet};

use ballet_core::{MessageId, Part};
use jiff::Timestamp;
use uuid::Uuid;

use crate::redrive::dead_letter::{DeadLetter, LetterIdentity};
use crate::redrive::declarations::needs_the_inbox;
use crate::redrive::groups::{DeadLetterGroups, GroupKey};

/// The dead letters that an operation is about: those that were in the queue when the plan was
/// made. Dead letters that come later, come back, or are edited meanwhile are not part of it.
#[derive(Debug, Clone)]
pub struct DeadLetterPlan {
    groups: DeadLetterGroups,
    identities: HashSet<LetterIdentity>,
    /// The sagas of the dead letters.
    sagas: HashSet<String>,
    canaries: HashMap<GroupKey, CanaryCandidate>,
    /// The groups whose canaries were not handled.
    held_back: HashSet<GroupKey>,
    unsendable: u64,
    beyond_memory: u64,
    renamed: u64,
    part: Option<Part>,
    floor: Timestamp,
}

/// A dead letter that may go before the others of its group.
#[derive(Debug, Clone)]
struct CanaryCandidate {
    identity: LetterIdentity,
    saga: Option<String>,
    is_remembered: bool,
    /// Whether no message of its saga died before it, or that message is a canary, too. Otherwise it would fail for
    /// want of that message, and tell nothing about its group.
    is_ripe: bool,
}

impl DeadLetterPlan {
    pub(crate) fn new(part: Option<Part>, floor: Timestamp) -> Self {
        Self {
            groups: DeadLetterGroups::default(),
            identities: HashSet::new(),
            sagas: HashSet::new(),
            canaries: HashMap::new(),
            held_back: HashSet::new(),
            unsendable: 0,
            beyond_memory: 0,
            renamed: 0,
            part,
            floor,
        }
    }

    pub(crate) fn add(&mut self, dead_letter: &DeadLetter) {
        let group = self.groups.add(dead_letter);
        self.identities.insert(dead_letter.identity());
        if dead_letter.why_unsendable().is_some() {
            self.unsendable += 1;
            return;
        }
        self.beyond_memory += u64::from(self.is_forgotten(dead_letter));
        self.renamed += u64::from(dead_letter.id_is_before(self.floor));
        self.consider(group, dead_letter);
        self.sagas.extend(dead_letter.saga.clone());
    }

    fn consider(&mut self, group: GroupKey, dead_letter: &DeadLetter) {
        let rank = |one: &CanaryCandidate| (one.is_remembered, one.is_ripe);
        let chosen = self.canaries.get(&group).map(rank);
        if chosen == Some((true, true)) {
            return;
        }
        let saga = dead_letter.saga.clone();
        let died_before = saga.as_ref().is_some_and(|saga| self.sagas.contains(saga));
        let candidate = CanaryCandidate {
            identity: dead_letter.identity(),
            is_remembered: !self.is_forgotten(dead_letter),
            is_ripe: !died_before || self.canaries.values().any(|one| one.saga == saga),
            saga,
        };
        if chosen.is_none_or(|chosen| rank(&candidate) > chosen) {
            self.canaries.insert(group, candidate);
        }
    }

    /// Whether a dead letter goes before the others of its group.
    pub(crate) fn is_canary(&self, group: &GroupKey, dead_letter: &DeadLetter) -> bool {
        let canary = self.canaries.get(group);
        canary.is_some_and(|canary| canary.identity == dead_letter.identity())
    }

    /// Leaves a group out from now on, because its canary was not handled. Edited dead letters are not left out: each
    /// was edited by itself, so one tells nothing about the others.
    pub(crate) fn hold_back(&mut self, group: GroupKey) {
        if !group.is_edited {
            self.held_back.insert(group);
        }
    }

    pub(crate) fn is_held_back(&self, group: &GroupKey) -> bool {
        self.held_back.contains(group)
    }

    pub(crate) fn contains(&self, dead_letter: &DeadLetter) -> bool {
        self.identities.contains(&dead_letter.identity())
    }

    /// Whether it cannot be found out any more if the service has handled the message before.
    pub(crate) fn is_forgotten(&self, dead_letter: &DeadLetter) -> bool {
        dead_letter.is_beyond_memory(self.floor) && needs_the_inbox(self.part(), dead_letter)
    }

    /// Returns the service's declarations, if they are known.
    pub(crate) fn part(&self) -> Option<&Part> {
        self.part.as_ref()
    }

    /// Returns the time before which the service's inbox does not know ids.
    pub(crate) fn floor(&self) -> Timestamp {
        self.floor
    }

    /// Returns the dead letters in groups.
    #[must_use]
    pub fn groups(&self) -> &DeadLetterGroups {
        &self.groups
    }

    /// Returns the ids of the messages.
    #[must_use]
    pub fn message_ids(&self) -> BTreeSet<MessageId> {
        let ids = self.identities.iter();
        ids.map(|(id, ..)| MessageId(Uuid::from_u128(*id))).collect()
    }

    /// Returns the number of dead letters.
    #[must_use]
    pub fn dead_letters(&self) -> u64 {
        self.groups.dead_letters()
    }

    /// Returns the number of dead letters that can be discarded, and [are not sent](DeadLetter::why_unsendable).
    #[must_use]
    pub fn unsendable(&self) -> u64 {
        self.unsendable
    }

    /// Returns the number of dead letters that may be sent.
    #[must_use]
    pub fn sendable(&self) -> u64 {
        self.dead_letters() - self.unsendable
    }

    /// Returns the number of dead letters that the inbox has forgotten and the service follows outside of
    /// sagas. Nothing keeps the service from handling them a second time.
    #[must_use]
    pub fn beyond_memory(&self) -> u64 {
        self.beyond_memory
    }

    /// Returns the number of dead letters that get a new message id, because the service accepts none that
    /// is this old.
    #[must_use]
    pub fn renamed(&self) -> u64 {
        self.renamed
    }
}

#[cfg(test)]
mod tests {
    use ballet_amqp::BasicProperties;
    use ballet_amqp::headers::DEAD_REASON;

    use super::*;
    use crate::redrive::sample::{delivered, long_string};

    #[test]
    fn a_forged_letter_is_counted_apart_and_goes_before_no_other() {
        let forged = dead_letter(1, "rome", "forged_type");
        let other = dead_letter(2, "rome", "no_room");
        let mut plan = DeadLetterPlan::new(None, Timestamp::UNIX_EPOCH);
        [&forged, &other].into_iter().for_each(|one| plan.add(one));
        let is_canary = |one: &DeadLetter| plan.is_canary(&plan.groups().key(one), one);
        assert_eq!([&forged, &other].map(is_canary), [false, true]);
        assert!([&forged, &other].into_iter().all(|one| plan.contains(one)));
        assert_eq!((plan.dead_letters(), plan.unsendable()), (2, 1));
    }

    fn dead_letter(id: u128, saga: &str, reason: &str) -> DeadLetter {
        let properties = BasicProperties::default()
            .with_message_id(Uuid::from_u128(id).to_string().into())
            .with_correlation_id(saga.into());
        let headers = [(DEAD_REASON, long_string(reason))];
        DeadLetter::read("hotel", delivered("dead", "hotel", properties, &headers))
    }

    /// A hotel booked nothing for a while, and so had nothing to bill.
    #[test]
    fn a_canary_is_not_one_that_fails_for_want_of_what_died_before_it() {
        let all = [
            dead_letter(1, "rome", "no_room"),
            dead_letter(2, "oslo", "no_room"),
            dead_letter(3, "oslo", "no_bill"),
            dead_letter(4, "rome", "no_bill"),
            dead_letter(5, "oslo", "no_tax"),
        ];
        let mut plan = DeadLetterPlan::new(None, Timestamp::UNIX_EPOCH);
        all.iter().for_each(|one| plan.add(one));
        let is_canary = |one: &DeadLetter| plan.is_canary(&plan.groups().key(one), one);
        // If there is no better one, the first is the canary.
        assert_eq!(all.each_ref().map(is_canary), [true, false, false, true, true]);
    }
}
