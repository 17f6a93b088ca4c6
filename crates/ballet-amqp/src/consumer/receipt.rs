//! Receipts: the service settles each delivery with one.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::consumer::watermark::Watermark;

/// Settles one delivery.
///
/// Dropping a receipt acknowledges nothing. The message is given back to the queue and delivered
/// again.
#[must_use = "a dropped receipt gives the message back to the queue"]
pub struct Receipt {
    tag: u64,
    channel: Option<Arc<Settling>>,
}

impl Receipt {
    pub(super) fn new(tag: u64, channel: Arc<Settling>) -> Self {
        Self { tag, channel: Some(channel) }
    }

    /// Marks the message as committed, or safely set aside (as a dead letter or a delayed retry
    /// that the broker confirmed). Does nothing if the channel is gone: the broker delivers the
    /// message again, and the inbox recognises it.
    pub fn settle(mut self) {
        if let Some(channel) = self.channel.take() {
            channel.settle(self.tag);
        }
    }
}

impl Drop for Receipt {
    fn drop(&mut self) {
        if let Some(channel) = self.channel.take() {
            channel.give_back(self.tag);
        }
    }
}

impl fmt::Debug for Receipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receipt").field("tag", &self.tag).finish_non_exhaustive()
    }
}

/// The deliveries of one channel that are settled but not yet acknowledged.
#[derive(Debug, Default)]
pub(super) struct Settling {
    inner: Mutex<Inner>,
    /// Notified when there is something to tell the broker.
    changed: Notify,
}

#[derive(Debug, Default)]
struct Inner {
    watermark: Watermark,
    /// Everything up to here is settled.
    low: u64,
    acked: u64,
    /// Tags to give back to the queue.
    give_back: Vec<u64>,
    /// Tags given back, above the last acknowledged one.
    given_back: BTreeSet<u64>,
    /// The channel is gone.
    disabled: bool,
}

/// The acknowledgements to send to the broker.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Acks {
    pub(super) give_back: Vec<u64>,
    /// The highest tag to acknowledge, and the number of deliveries that this covers.
    pub(super) ack: Option<(u64, u64)>,
}

impl Settling {
    pub(super) fn delivered(&self, tag: u64) {
        self.lock().watermark.delivered(tag);
    }

    pub(super) fn outstanding(&self) -> usize {
        self.lock().watermark.outstanding()
    }

    /// Disables all receipts of the channel.
    pub(super) fn disable(&self) {
        self.lock().disabled = true;
    }

    /// Waits until there is something to tell the broker. Deliveries settled during the last ack
    /// share the next one.
    pub(super) async fn changed(&self) {
        self.changed.notified().await;
    }

    /// Returns true if there is nothing to give back and fewer than `count` deliveries to
    /// acknowledge.
    pub(super) fn has_only_acks_below(&self, count: u64) -> bool {
        let inner = self.lock();
        inner.give_back.is_empty() && inner.low - inner.acked < count
    }

    pub(super) fn take_acks(&self) -> Acks {
        let mut inner = self.lock();
        // The broker refuses an ack whose tag was given back, so the ack names a lower tag.
        let mut to = inner.low;
        while inner.given_back.contains(&to) {
            to -= 1;
        }
        let ack = (to > inner.acked).then(|| {
            let count = to - inner.acked;
            inner.acked = to;
            inner.given_back = inner.given_back.split_off(&to);
            (to, count)
        });
        Acks { give_back: std::mem::take(&mut inner.give_back), ack }
    }

    fn settle(&self, tag: u64) {
        self.done(tag, |_| {});
    }

    /// Counts as settled for the watermark. The tag is given back before any later ack, so the
    /// broker no longer counts it on this channel.
    fn give_back(&self, tag: u64) {
        self.done(tag, |inner| {
            inner.give_back.push(tag);
            inner.given_back.insert(tag);
        });
    }

    fn done(&self, tag: u64, note: impl FnOnce(&mut Inner)) {
        let mut inner = self.lock();
        if inner.disabled {
            return;
        }
        note(&mut inner);
        if let Some(low) = inner.watermark.settled(tag) {
            inner.low = low;
        }
        drop(inner);
        self.changed.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delivered(count: u64) -> (Arc<Settling>, Vec<Option<Receipt>>) {
        let channel = Arc::new(Settling::default());
        let receipts = (1..=count).map(|tag| {
            channel.delivered(tag);
            Some(Receipt::new(tag, Arc::clone(&channel)))
        });
        let receipts = receipts.collect();
        (channel, receipts)
    }

    #[test]
    fn many_settles_make_one_ack() {
        let (channel, mut receipts) = delivered(3);
        for index in [1, 0, 2] {
            receipts[index].take().unwrap().settle();
        }
        assert_eq!(channel.take_acks(), Acks { give_back: vec![], ack: Some((3, 3)) });
        assert_eq!(channel.take_acks(), Acks::default());
    }

    #[test]
    fn a_dropped_receipt_gives_back_and_is_never_acknowledged_by_name() {
        let (channel, mut receipts) = delivered(4);
        receipts[0].take().unwrap().settle();
        receipts[1] = None;
        assert_eq!(channel.take_acks(), Acks { give_back: vec![2], ack: Some((1, 1)) });
        assert_eq!(channel.take_acks(), Acks::default());
        receipts[3].take().unwrap().settle();
        assert_eq!(channel.take_acks(), Acks::default());
        receipts[2].take().unwrap().settle();
        assert_eq!(channel.take_acks(), Acks { give_back: vec![], ack: Some((4, 3)) });
        assert_eq!(channel.outstanding(), 0);
    }

    #[test]
    fn a_dead_channel_hears_nothing() {
        let (channel, mut receipts) = delivered(2);
        channel.disable();
        receipts[0].take().unwrap().settle();
        receipts.clear();
        assert_eq!(channel.take_acks(), Acks::default());
    }
}
