//! The messages published on one channel and not confirmed.

use std::collections::VecDeque;

use crate::publisher::batches::InFlight;

#[derive(Debug, Default)]
pub(super) struct Flight {
    first: u64,
    entries: VecDeque<Option<InFlight>>,
    unconfirmed: usize,
}

impl Flight {
    pub(super) fn len(&self) -> usize {
        self.unconfirmed
    }

    /// The numbers of the oldest and of the newest message.
    pub(super) fn ends(&self) -> Option<(u64, u64)> {
        let others = self.entries.len().checked_sub(1)?;
        Some((self.first, self.first + others as u64))
    }

    pub(super) fn up_to(&self, number: u64) -> impl Iterator<Item = &InFlight> {
        let numbered = (self.first..).zip(&self.entries);
        numbered.take_while(move |(at, _)| *at <= number).filter_map(|(_, entry)| entry.as_ref())
    }

    /// The numbers on a channel are consecutive.
    pub(super) fn insert(&mut self, number: u64, entry: InFlight) {
        if self.entries.is_empty() {
            self.first = number;
        }
        self.entries.push_back(Some(entry));
        self.unconfirmed += 1;
    }

    pub(super) fn take(&mut self, number: u64) -> Option<InFlight> {
        let index = usize::try_from(number.checked_sub(self.first)?).ok()?;
        let entry = self.entries.get_mut(index)?.take()?;
        self.unconfirmed -= 1;
        while matches!(self.entries.front(), Some(None)) {
            self.entries.pop_front();
            self.first += 1;
        }
        Some(entry)
    }

    /// Removes and returns the unconfirmed messages, in the order of publishing.
    pub(super) fn drain(&mut self) -> Vec<InFlight> {
        self.unconfirmed = 0;
        self.entries.drain(..).flatten().collect()
    }
}
