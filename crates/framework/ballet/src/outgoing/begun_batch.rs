//! A batch of events from before its commit until its end is known.

use ballet_amqp::BatchId;
use jiff::Timestamp;

use crate::outgoing::relay::Relay;

/// A batch whose commit is not known. After a drop the sweeper finds it if it was committed.
pub(crate) struct BegunBatch<'a> {
    relay: &'a Relay,
    pub(crate) batch: BatchId,
    is_known: bool,
}

impl<'a> BegunBatch<'a> {
    pub(crate) fn new(relay: &'a Relay, table: i16, events: usize, now: Timestamp) -> Self {
        Self { relay, batch: relay.begin(table, events, now), is_known: false }
    }

    /// It was rolled back.
    pub(crate) fn forget(&mut self) {
        self.is_known = true;
        self.relay.forget(self.batch);
    }

    /// It was committed.
    pub(crate) fn committed(&mut self) {
        self.is_known = true;
    }
}

impl Drop for BegunBatch<'_> {
    fn drop(&mut self) {
        if !self.is_known {
            self.relay.leave(self.batch);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::declare::handler::clock::Clock;
    use crate::outgoing::spans::Spans;

    const TABLE: i16 = 4;

    #[test]
    fn a_batch_whose_end_nobody_learned_is_left_to_the_sweeper() {
        let clock = Clock::system();
        let relay = Relay::new(1, TABLE, clock.clone(), Spans::off());
        let begin = || BegunBatch::new(&relay, TABLE, 3, clock.now());
        begin().forget();
        assert!(relay.turns.left().is_empty() && relay.live_of_table(TABLE).is_empty());
        let mut committed = begin();
        committed.committed();
        let batch = committed.batch;
        drop(committed);
        assert!(relay.turns.left().is_empty());
        assert_eq!(relay.live_of_table(TABLE), [batch]);
        drop(begin());
        assert_eq!(relay.turns.left()[&TABLE].events, 3);
        assert_eq!(relay.live_of_table(TABLE), [batch]);
    }
}
