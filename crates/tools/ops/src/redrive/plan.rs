//! The plan of an operation on dead letters.

use std::collections::{BTreeSet, HashSet};

use ballet_core::{MessageId, Part};
use jiff::Timestamp;
use uuid::Uuid;

use crate::redrive::dead_letter::{DeadLetter, LetterIdentity};
use crate::redrive::declarations::needs_the_inbox;
use crate::redrive::groups::DeadLetterGroups;

/// The dead letters of an operation: those in the queue when the plan was made. Later arrivals, returns and edits are
/// not part of it.
#[derive(Debug, Clone)]
pub struct DeadLetterPlan {
    groups: DeadLetterGroups,
    identities: HashSet<LetterIdentity>,
    unsendable: u64,
    beyond_memory: u64,
    renamed: u64,
    part: Option<Part>,
    floor: Timestamp,
}

impl DeadLetterPlan {
    pub(crate) fn new(part: Option<Part>, floor: Timestamp) -> Self {
        Self {
            groups: DeadLetterGroups::default(),
            identities: HashSet::new(),
            unsendable: 0,
            beyond_memory: 0,
            renamed: 0,
            part,
            floor,
        }
    }

    pub(crate) fn add(&mut self, dead_letter: &DeadLetter) {
        self.groups.add(dead_letter);
        self.identities.insert(dead_letter.identity());
        if dead_letter.why_unsendable().is_some() {
            self.unsendable += 1;
            return;
        }
        self.beyond_memory += u64::from(self.is_forgotten(dead_letter));
        self.renamed += u64::from(dead_letter.id_is_before(self.floor));
    }

    pub(crate) fn contains(&self, dead_letter: &DeadLetter) -> bool {
        self.identities.contains(&dead_letter.identity())
    }

    /// Whether nothing shows any more that the service has handled the message.
    pub(crate) fn is_forgotten(&self, dead_letter: &DeadLetter) -> bool {
        dead_letter.is_beyond_memory(self.floor) && needs_the_inbox(self.part(), dead_letter)
    }

    pub(crate) fn part(&self) -> Option<&Part> {
        self.part.as_ref()
    }

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

    /// Returns the number of dead letters that [cannot be sent](DeadLetter::why_unsendable), only discarded.
    #[must_use]
    pub fn unsendable(&self) -> u64 {
        self.unsendable
    }

    /// Returns the number of dead letters that may be sent.
    #[must_use]
    pub fn sendable(&self) -> u64 {
        self.dead_letters() - self.unsendable
    }

    /// Returns the number of dead letters that the inbox has forgotten and that are outside of sagas. The service may
    /// handle these a second time.
    #[must_use]
    pub fn beyond_memory(&self) -> u64 {
        self.beyond_memory
    }

    /// Returns the number of dead letters that get a new message id, because the service refuses their age.
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
    fn a_forged_letter_is_counted_apart() {
        let forged = dead_letter(1, "forged_type");
        let other = dead_letter(2, "no_room");
        let mut plan = DeadLetterPlan::new(None, Timestamp::UNIX_EPOCH);
        [&forged, &other].into_iter().for_each(|one| plan.add(one));
        assert!([&forged, &other].into_iter().all(|one| plan.contains(one)));
        assert_eq!((plan.dead_letters(), plan.unsendable(), plan.sendable()), (2, 1, 1));
    }

    fn dead_letter(id: u128, reason: &str) -> DeadLetter {
        let id = Uuid::from_u128(id).to_string();
        let properties = BasicProperties::default().with_message_id(id.into());
        let headers = [(DEAD_REASON, long_string(reason))];
        DeadLetter::read("hotel", delivered("dead", "hotel", properties, &headers))
    }
}
