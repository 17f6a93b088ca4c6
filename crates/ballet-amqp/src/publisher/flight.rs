//! The messages published on one channel and not confirmed.

use std::collections::VecDeque;

use crate::publisher::batches::InFlight;

/// Unconfirmed messages by their number on the channel.
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

    /// The number of the oldest message.
    pub(super) fn oldest(&self) -> Option<u64> {
        (!self.entries.is_empty()).then_some(self.first)
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
