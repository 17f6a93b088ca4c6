//! A bounded buffer of unread records. A record that comes while it is full is dropped and counted.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::copy::copy_item::CopyItem;
use crate::journal::error::JournalError;
use crate::record::Record;

/// The memory of a record besides its body.
const RECORD: usize = 1_024;

/// A buffer between the connection, which is read at full speed, and a reader that may be slow.
#[derive(Debug)]
pub(crate) struct Buffer {
    most: usize,
    most_bytes: usize,
    held: Mutex<BufferState>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct BufferState {
    copied: VecDeque<CopyItem>,
    bytes: usize,
    /// The number of records dropped after the last buffered one.
    dropped: u64,
    end: Option<JournalError>,
}

fn size(record: &Record) -> usize {
    record.body.len() + RECORD
}

impl Buffer {
    pub(crate) fn new(most: usize, most_bytes: usize) -> Self {
        Self { most, most_bytes, held: Mutex::default(), changed: Notify::new() }
    }

    /// Adds a record, or drops it. After a drop, it drops until there is room for many.
    pub(crate) fn add(&self, record: Record) {
        let mut held = self.lock();
        let part = if held.dropped > 0 { 2 } else { 1 };
        let is_full = held.copied.len() >= self.most / part
            || held.bytes + size(&record) > self.most_bytes / part;
        // A record that is larger than the whole buffer has to pass.
        if is_full && !held.copied.is_empty() {
            held.dropped += 1;
        } else {
            held.note_dropped();
            held.bytes += size(&record);
            held.copied.push_back(CopyItem::Record(record));
        }
        self.changed.notify_one();
    }

    /// Adds a notice. Notices are few, so they are never dropped.
    pub(crate) fn notice(&self, notice: CopyItem) {
        let mut held = self.lock();
        held.note_dropped();
        held.copied.push_back(notice);
        self.changed.notify_one();
    }

    /// Ends the buffer: no more records come.
    pub(crate) fn end(&self, error: JournalError) {
        self.lock().end = Some(error);
        self.changed.notify_one();
    }

    /// Returns the next item. Dropping the future loses nothing.
    pub(crate) async fn next(&self) -> Result<CopyItem, JournalError> {
        loop {
            let changed = self.changed.notified();
            {
                let mut held = self.lock();
                if let Some(copied) = held.take() {
                    return Ok(copied);
                }
                if let Some(error) = held.end.take() {
                    return Err(error);
                }
            }
            changed.await;
        }
    }

    /// Returns the number of dropped records that no notice has reported yet.
    pub(crate) fn dropped(&self) -> u64 {
        let held = self.lock();
        let dropped = held.copied.iter().map(|copied| match copied {
            CopyItem::Dropped(count) => *count,
            _ => 0,
        });
        dropped.sum::<u64>() + held.dropped
    }

    fn lock(&self) -> MutexGuard<'_, BufferState> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl BufferState {
    fn take(&mut self) -> Option<CopyItem> {
        if self.copied.is_empty() {
            self.note_dropped();
        }
        let copied = self.copied.pop_front()?;
        if let CopyItem::Record(record) = &copied {
            self.bytes -= size(record);
        }
        Some(copied)
    }

    fn note_dropped(&mut self) {
        if self.dropped > 0 {
            self.copied.push_back(CopyItem::Dropped(std::mem::take(&mut self.dropped)));
        }
    }
}

#[cfg(test)]
mod tests {
    use ballet_amqp::BasicProperties;

    use super::*;

    fn record(body: usize) -> Record {
        Record {
            offset: None,
            time: None,
            exchange: "route".to_owned(),
            routing_key: "a.b.v1".to_owned(),
            properties: BasicProperties::default(),
            body: vec![b'0'; body],
        }
    }

    async fn read(buffer: &Buffer) -> String {
        match buffer.next().await.expect("something") {
            CopyItem::Record(record) => record.body.len().to_string(),
            notice => format!("{notice:?}"),
        }
    }

    #[tokio::test]
    async fn what_is_dropped_is_counted_where_it_is_missing() {
        let buffer = Buffer::new(4, 1_000_000);
        for body in 0..10 {
            buffer.add(record(body));
        }
        assert_eq!(buffer.dropped(), 6);
        for body in 0..2 {
            assert_eq!(read(&buffer).await, body.to_string());
        }
        // The buffer is still half full.
        buffer.add(record(10));
        assert_eq!(read(&buffer).await, "2");
        buffer.add(record(11));
        for expected in ["3", "Dropped(7)", "11"] {
            assert_eq!(read(&buffer).await, expected);
        }
        assert_eq!(buffer.dropped(), 0);
    }

    #[tokio::test]
    async fn bytes_are_bounded_and_one_big_record_passes() {
        let buffer = Buffer::new(1_000, 10_000);
        buffer.add(record(20_000));
        buffer.add(record(1));
        assert_eq!(read(&buffer).await, "20000");
        assert_eq!(read(&buffer).await, "Dropped(1)");
        buffer.add(record(1));
        assert_eq!(read(&buffer).await, "1");
    }
}
