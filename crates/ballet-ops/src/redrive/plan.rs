//! Which dead letters an operation is about.

use std::collections::{BTreeSet, HashSet};

use ballet_core::{MessageId, Part};
use jiff::Timestamp;
use uuid::Uuid;

use crate::redrive::dead_letter::DeadLetter;
use crate::redrive::declared::needs_the_inbox;
use crate::redrive::groups::{GroupKey, Groups};

/// The dead letters that an operation is about: those that were in the queue when the plan was
/// made. Dead letters that come later, or come back, are not part of it.
#[derive(Debug, Clone)]
pub struct Plan {
    groups: Groups,
    fingerprints: HashSet<(u128, i128, u64)>,
    /// The groups whose canaries were not handled.
    held_back: HashSet<GroupKey>,
    beyond_memory: u64,
    renamed: u64,
    part: Option<Part>,
    floor: Timestamp,
}

impl Plan {
    pub(crate) fn new(part: Option<Part>, floor: Timestamp) -> Self {
        Self {
            groups: Groups::default(),
            fingerprints: HashSet::new(),
            held_back: HashSet::new(),
            beyond_memory: 0,
            renamed: 0,
            part,
            floor,
        }
    }

    pub(crate) fn add(&mut self, dead_letter: &DeadLetter) {
        self.groups.add(dead_letter);
        self.fingerprints.insert(dead_letter.fingerprint());
        self.beyond_memory += u64::from(self.is_forgotten(dead_letter));
        self.renamed += u64::from(dead_letter.id_is_before(self.floor));
    }

    /// Leaves a group out of what follows, because its canary was not handled. What was edited is not
    /// left out: each was edited by itself, so one tells nothing of the others.
    pub(crate) fn hold_back(&mut self, group: GroupKey) {
        if !group.is_edited {
            self.held_back.insert(group);
        }
    }

    pub(crate) fn is_held_back(&self, group: &GroupKey) -> bool {
        self.held_back.contains(group)
    }

    pub(crate) fn contains(&self, dead_letter: &DeadLetter) -> bool {
        self.fingerprints.contains(&dead_letter.fingerprint())
    }

    /// Whether nothing shows any more if the service has handled the message before.
    pub(crate) fn is_forgotten(&self, dead_letter: &DeadLetter) -> bool {
        dead_letter.is_beyond_memory(self.floor) && needs_the_inbox(self.part(), dead_letter)
    }

    /// What the service declares, if it is known.
    pub(crate) fn part(&self) -> Option<&Part> {
        self.part.as_ref()
    }

    /// The service's inbox does not know ids from before this time.
    pub(crate) fn floor(&self) -> Timestamp {
        self.floor
    }

    /// The dead letters in groups.
    #[must_use]
    pub fn groups(&self) -> &Groups {
        &self.groups
    }

    /// The ids of the messages.
    #[must_use]
    pub fn message_ids(&self) -> BTreeSet<MessageId> {
        let ids = self.fingerprints.iter();
        ids.map(|(id, _, _)| MessageId(Uuid::from_u128(*id))).collect()
    }

    /// The number of dead letters.
    #[must_use]
    pub fn dead_letters(&self) -> u64 {
        self.groups.dead_letters()
    }

    /// The number of dead letters that the inbox has forgotten and the service follows outside of
    /// sagas. Nothing keeps the service from handling them a second time.
    #[must_use]
    pub fn beyond_memory(&self) -> u64 {
        self.beyond_memory
    }

    /// The number of dead letters that get a new message id, because the service accepts none that
    /// is this old.
    #[must_use]
    pub fn renamed(&self) -> u64 {
        self.renamed
    }
}
