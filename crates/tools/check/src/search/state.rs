//! The state of one run, packed into bits, since a search keeps all of them.

use std::hash::{BuildHasher, Hash, Hasher};

const WORDS: usize = 4;
/// The bits of a state.
pub(super) const BITS: usize = WORDS * 64;
/// The bits of a step: its entry, and whether it was taken back by its key.
pub(super) const OF_STEP: usize = 4;
const ENTRY: u64 = 7;
const TAKEN_BACK: usize = 3;

/// What a ledger says of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Entry {
    Nothing,
    Calling,
    Refused,
    Done,
    Undoing,
    Undone,
}

const ENTRIES: [Entry; 6] =
    [Entry::Nothing, Entry::Calling, Entry::Refused, Entry::Done, Entry::Undoing, Entry::Undone];

impl Entry {
    /// The word of the table.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Nothing => "",
            Self::Calling => "calling",
            Self::Refused => "refused",
            Self::Done => "done",
            Self::Undoing => "undoing",
            Self::Undone => "undone",
        }
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        ENTRIES.into_iter().find(|entry| entry.as_str() == text)
    }
}

/// The ledgers of all services about one run, and what they have published. Who publishes an event makes it
/// deliverable for ever: that covers delay, other orders, copies under any id, and what a crash brings again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct State([u64; WORDS]);

impl State {
    pub(super) const fn has(&self, bit: usize) -> bool {
        (self.0[bit / 64] >> (bit % 64)) & 1 == 1
    }

    pub(super) const fn set(&mut self, bit: usize) {
        self.0[bit / 64] |= 1 << (bit % 64);
    }

    pub(super) fn entry(&self, step: usize) -> Entry {
        let at = step * OF_STEP;
        let entry = (self.0[at / 64] >> (at % 64)) & ENTRY;
        usize::try_from(entry)
            .ok()
            .and_then(|entry| ENTRIES.get(entry))
            .copied()
            .unwrap_or(Entry::Nothing)
    }

    pub(super) const fn enter(&mut self, step: usize, entry: Entry) {
        let at = step * OF_STEP;
        let word = &mut self.0[at / 64];
        *word = (*word & !(ENTRY << (at % 64))) | ((entry as u64) << (at % 64));
    }

    pub(super) const fn is_taken_back(&self, step: usize) -> bool {
        self.has(step * OF_STEP + TAKEN_BACK)
    }

    pub(super) const fn take_back(&mut self, step: usize) {
        self.set(step * OF_STEP + TAKEN_BACK);
    }
}

impl Hash for State {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.iter().for_each(|word| state.write_u64(*word));
    }
}

/// Hashes states fast: nobody chooses them to collide.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Mix(u64);

impl BuildHasher for Mix {
    type Hasher = Self;

    fn build_hasher(&self) -> Self {
        *self
    }
}

impl Hasher for Mix {
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u64(u64::from(*byte)));
    }

    fn write_u64(&mut self, word: u64) {
        self.0 = (self.0.rotate_left(5) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }

    fn finish(&self) -> u64 {
        self.0 ^ (self.0 >> 29)
    }
}
