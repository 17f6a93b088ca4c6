//! Receipts: the service settles each delivery with one.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use crate::consumer::watermark::Watermark;

/// Once a delivery is unsettled for this long while later ones are settled, those are acknowledged
/// one by one, before the prefetch is used up.
const GAP: Duration = Duration::from_secs(1);

/// Settles one delivery, or one of the messages that a delivered pack bears.
///
/// Dropping a receipt acknowledges nothing. The message is given back to the queue and delivered
/// again.
#[must_use = "a dropped receipt gives the message back to the queue"]
pub struct Receipt {
    tag: u64,
    channel: Option<Arc<Settling>>,
    pack: Option<Arc<PackReceipt>>,
}

/// The receipt of a pack, shared by its members. The last of them settles it, or gives the pack back
/// if any was given back.
struct PackReceipt {
    whole: Option<Receipt>,
    is_given_back: AtomicBool,
}

impl Drop for PackReceipt {
    fn drop(&mut self) {
        if !self.is_given_back.load(Ordering::Relaxed)
            && let Some(whole) = self.whole.take()
        {
            whole.settle();
        }
    }
}

impl Receipt {
    pub(super) fn new(tag: u64, channel: Arc<Settling>) -> Self {
        Self { tag, channel: Some(channel), pack: None }
    }

    /// Splits the receipt of a pack into those of its members.
    pub fn split(self, members: usize) -> Vec<Self> {
        let (tag, is_given_back) = (self.tag, AtomicBool::new(false));
        let pack = Arc::new(PackReceipt { whole: Some(self), is_given_back });
        let share = || Self { tag, channel: None, pack: Some(Arc::clone(&pack)) };
        (0..members).map(|_| share()).collect()
    }

    /// Marks the message as committed, or safely set aside as a copy that the broker confirmed.
    /// Does nothing if the channel is gone, since the broker delivers the message again, and the
    /// inbox recognises it.
    pub fn settle(mut self) {
        self.pack = None;
        if let Some(channel) = self.channel.take() {
            channel.settle(self.tag);
        }
    }
}

impl Drop for Receipt {
    fn drop(&mut self) {
        if let Some(pack) = &self.pack {
            pack.is_given_back.store(true, Ordering::Relaxed);
        }
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
    inner: Mutex<SettlingState>,
    /// Notified when there is something to tell the broker.
    changed: Notify,
}

#[derive(Debug)]
struct SettlingState {
    watermark: Watermark,
    /// Everything up to here is settled.
    low: u64,
    /// The time since which the delivery after `low` is the oldest unsettled one.
    since: Instant,
    acked: u64,
    /// Tags to give back to the queue.
    give_back: Vec<u64>,
    /// Tags settled above the watermark, and not acknowledged.
    above: Vec<u64>,
    /// Tags given back or acknowledged by themselves, above the last acknowledged one.
    apart: BTreeSet<u64>,
    disabled: bool,
}

impl Default for SettlingState {
    fn default() -> Self {
        Self {
            watermark: Watermark::default(),
            low: 0,
            since: Instant::now(),
            acked: 0,
            give_back: Vec::new(),
            above: Vec::new(),
            apart: BTreeSet::new(),
            disabled: false,
        }
    }
}

#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Acks {
    pub(super) give_back: Vec<u64>,
    /// Tags to acknowledge one by one.
    pub(super) single: Vec<u64>,
    /// The highest tag to acknowledge, and the number of deliveries that this covers.
    pub(super) ack: Option<(u64, u64)>,
}

impl Settling {
    pub(super) fn delivered(&self, tag: u64) {
        let mut inner = self.lock();
        if inner.watermark.outstanding() == 0 {
            inner.since = Instant::now();
        }
        inner.watermark.delivered(tag);
    }

    pub(super) fn unsettled_for(&self) -> Option<Duration> {
        let inner = self.lock();
        let stands = !inner.disabled && inner.watermark.outstanding() > 0;
        stands.then(|| inner.since.elapsed())
    }

    /// Returns the time at which the gap is to be passed over, if there is one.
    pub(super) fn gap_due(&self) -> Option<Instant> {
        let inner = self.lock();
        (!inner.above.is_empty()).then(|| inner.since + GAP)
    }

    pub(super) fn outstanding(&self) -> usize {
        self.lock().watermark.outstanding()
    }

    pub(super) fn disable(&self) {
        self.lock().disabled = true;
    }

    /// Deliveries settled during the last ack share the next one.
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
        self.take(GAP)
    }

    /// Takes all, because nothing can be acknowledged later. Deliveries that are left out come again.
    pub(super) fn take_last_acks(&self) -> Acks {
        self.take(Duration::ZERO)
    }

    /// Acknowledges behind a gap that is at least this old.
    fn take(&self, gap: Duration) -> Acks {
        let mut guard = self.lock();
        let inner = &mut *guard;
        // The broker refuses an ack whose tag it no longer knows, so the ack names a lower tag.
        let mut to = inner.low;
        while inner.apart.contains(&to) {
            to -= 1;
        }
        let ack = (to > inner.acked).then(|| {
            let covered = inner.apart.range(inner.acked + 1..to).count() as u64;
            let count = to - inner.acked - covered;
            inner.acked = to;
            inner.apart = inner.apart.split_off(&to);
            (to, count)
        });
        inner.above.retain(|tag| *tag > inner.low);
        let mut single = Vec::new();
        if !inner.above.is_empty() && inner.since.elapsed() >= gap {
            single = std::mem::take(&mut inner.above);
            inner.apart.extend(&single);
        }
        Acks { give_back: std::mem::take(&mut inner.give_back), single, ack }
    }

    fn settle(&self, tag: u64) {
        self.done(tag, |inner, is_above| {
            if is_above {
                inner.above.push(tag);
            }
        });
    }

    /// Counts as settled for the watermark. The tag is given back before any later ack, so the
    /// broker no longer counts it on this channel.
    fn give_back(&self, tag: u64) {
        self.done(tag, |inner, _| {
            inner.give_back.push(tag);
            inner.apart.insert(tag);
        });
    }

    /// Moves the watermark, and passes on to the note whether the tag stays above it.
    fn done(&self, tag: u64, note: impl FnOnce(&mut SettlingState, bool)) {
        let mut inner = self.lock();
        if inner.disabled {
            return;
        }
        let moved = inner.watermark.settled(tag);
        note(&mut inner, moved.is_none());
        if let Some(low) = moved {
            inner.low = low;
            inner.since = Instant::now();
        }
        drop(inner);
        self.changed.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, SettlingState> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Over all connections.
#[derive(Debug, Clone, Default)]
pub(super) struct UnsettledTime(Arc<Mutex<Weak<Settling>>>);

impl UnsettledTime {
    pub(super) fn follow(&self, channel: &Arc<Settling>) {
        *self.lock() = Arc::downgrade(channel);
    }

    pub(super) fn longest(&self) -> Option<Duration> {
        let channel = self.lock().upgrade();
        channel?.unsettled_for()
    }

    pub(super) fn count(&self) -> usize {
        let channel = self.lock().upgrade();
        channel.map_or(0, |channel| channel.outstanding())
    }

    fn lock(&self) -> MutexGuard<'_, Weak<Settling>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
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
        assert_eq!(channel.take_acks(), Acks { ack: Some((3, 3)), ..Acks::default() });
        assert_eq!(channel.take_acks(), Acks::default());
    }

    #[test]
    fn a_dropped_receipt_gives_back_and_is_never_acknowledged_by_name() {
        let (channel, mut receipts) = delivered(4);
        receipts[0].take().unwrap().settle();
        receipts[1] = None;
        assert_eq!(
            channel.take_acks(),
            Acks { give_back: vec![2], ack: Some((1, 1)), ..Acks::default() }
        );
        assert_eq!(channel.take_acks(), Acks::default());
        receipts[3].take().unwrap().settle();
        assert_eq!(channel.take_acks(), Acks::default());
        receipts[2].take().unwrap().settle();
        assert_eq!(channel.take_acks(), Acks { ack: Some((4, 2)), ..Acks::default() });
        assert_eq!(channel.outstanding(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_delivery_that_stays_unsettled_does_not_hold_back_the_others() {
        let (channel, mut receipts) = delivered(5);
        assert_eq!(channel.gap_due(), None);
        for index in [0, 2, 3] {
            receipts[index].take().unwrap().settle();
        }
        assert_eq!(channel.take_acks(), Acks { ack: Some((1, 1)), ..Acks::default() });
        tokio::time::sleep_until(channel.gap_due().unwrap()).await;
        assert_eq!(channel.unsettled_for(), Some(GAP));
        assert_eq!(channel.take_acks(), Acks { single: vec![3, 4], ..Acks::default() });
        assert_eq!((channel.gap_due(), channel.take_acks()), (None, Acks::default()));
        // The next one names a tag that the broker still knows.
        receipts[1].take().unwrap().settle();
        assert_eq!(channel.take_acks(), Acks { ack: Some((2, 1)), ..Acks::default() });
        receipts[4].take().unwrap().settle();
        assert_eq!(channel.take_acks(), Acks { ack: Some((5, 1)), ..Acks::default() });
        assert_eq!(channel.unsettled_for(), None);
    }

    #[test]
    fn at_the_end_all_that_is_settled_is_acknowledged_whatever_gap_there_is() {
        let (channel, mut receipts) = delivered(5);
        for index in [0, 2, 3] {
            receipts[index].take().unwrap().settle();
        }
        let last = Acks { single: vec![3, 4], ack: Some((1, 1)), ..Acks::default() };
        assert_eq!(channel.take_last_acks(), last);
        assert_eq!(channel.take_last_acks(), Acks::default());
    }

    #[test]
    fn a_pack_is_settled_by_the_last_of_its_members_and_given_back_for_any() {
        let (channel, mut receipts) = delivered(2);
        let mut members = receipts[0].take().unwrap().split(3);
        members.pop().unwrap().settle();
        members.pop().unwrap().settle();
        assert_eq!(channel.take_acks(), Acks::default());
        members.pop().unwrap().settle();
        assert_eq!(channel.take_acks(), Acks { ack: Some((1, 1)), ..Acks::default() });
        let mut members = receipts[1].take().unwrap().split(2);
        drop(members.pop());
        assert_eq!(channel.take_acks(), Acks::default());
        members.pop().unwrap().settle();
        assert_eq!(channel.take_acks(), Acks { give_back: vec![2], ..Acks::default() });
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
