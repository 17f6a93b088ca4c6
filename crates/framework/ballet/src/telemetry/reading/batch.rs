//! A batch of messages of one stream, decoded.

use ballet_amqp::Delivery;
use ballet_amqp::headers::{STREAM_OFFSET, integer_header};
use ballet_core::telemetry::fingerprint;
use ballet_store::telemetry::leftovers::AsideMessage;
use jiff::Timestamp;

use crate::declare::telemetry::{AnyReadings, Codec, ReadingPlace};
use crate::engine::handlers::guard::caught;
use crate::telemetry::series::{BODY_DOES_NOT_MATCH, BODY_TOO_BIG, UNKNOWN_TYPE};

/// The largest body that is decoded, and how much of a body is kept aside.
const MAX_BODY: usize = 64 * 1024;
const KEPT_BODY: usize = 16 * 1024;
const KEPT_DETAIL: usize = 500;

/// A message of a batch. The batch may be cut after it.
#[derive(Debug, Clone, Copy)]
pub(super) struct SeenMessage {
    pub(super) offset: i64,
    pub(super) fingerprint: i64,
    pub(super) published_at: Option<Timestamp>,
    /// The number of readings up to and including it.
    pub(super) readings: usize,
}

pub(super) struct ReadingBatch {
    pub(super) readings: AnyReadings,
    /// Every message, also those that could not be decoded.
    pub(super) seen: Vec<SeenMessage>,
    pub(super) bodies: Vec<Vec<u8>>,
    pub(super) aside: Vec<AsideMessage>,
    /// The offsets that did not come, each from the first to the one before the second. Without a
    /// second, nobody knows what the stream lost.
    pub(super) missed: Vec<(i64, Option<i64>)>,
}

/// The broker gives one to each delivery.
pub(super) fn offset_of(delivery: &Delivery) -> Option<i64> {
    integer_header(&delivery.properties, STREAM_OFFSET)
}

/// Returns a hash that tells a message from the one at its offset in a recreated stream.
pub(super) fn fingerprint_of(delivery: &Delivery) -> i64 {
    let id = delivery.properties.message_id().as_ref().map(|id| id.as_str().as_bytes());
    let hash = fingerprint([id.unwrap_or_default(), &delivery.body]);
    i64::from_ne_bytes(hash.to_ne_bytes())
}

impl ReadingBatch {
    pub(super) fn new(codec: Codec) -> Self {
        let (seen, bodies, aside) = (Vec::new(), Vec::new(), Vec::new());
        Self { readings: (codec.none)(), seen, bodies, aside, missed: Vec::new() }
    }

    pub(super) fn add(&mut self, codec: Codec, partition: u16, offset: i64, delivery: Delivery) {
        let seconds = delivery.properties.timestamp().and_then(|at| i64::try_from(at).ok());
        let published_at = seconds.and_then(|at| Timestamp::from_second(at).ok());
        let received = published_at.unwrap_or(Timestamp::UNIX_EPOCH);
        let fingerprint = fingerprint_of(&delivery);
        let place =
            ReadingPlace { partition, offset: u64::try_from(offset).unwrap_or_default(), received };
        let readings = self.seen.last().map_or(0, |last| last.readings);
        let decoded = self.decode(codec, place, &delivery);
        let readings = readings + usize::from(decoded.is_ok());
        match decoded {
            // Kept until the batch is committed, since the reader may fail with it.
            Ok(()) => self.bodies.push(delivery.body),
            Err((reason, detail)) => self.aside.push(aside(offset, reason, &detail, delivery.body)),
        }
        self.seen.push(SeenMessage { offset, fingerprint, published_at, readings });
    }

    pub(super) fn set_aside(&mut self, reading: usize, reason: &'static str, detail: &str) {
        let of_reading = self.seen.iter().find(|seen| seen.readings == reading + 1);
        let body = self.bodies.get(reading).cloned();
        if let (Some(seen), Some(body)) = (of_reading, body) {
            self.aside.push(aside(seen.offset, reason, detail, body));
        }
    }

    fn decode(
        &mut self,
        codec: Codec,
        place: ReadingPlace,
        delivery: &Delivery,
    ) -> Result<(), (&'static str, String)> {
        let wanted = codec.reads();
        if let Some(kind) = delivery.properties.kind().as_ref()
            && kind.as_str() != wanted.name()
        {
            return Err((UNKNOWN_TYPE, format!("it has the type {kind}, and not {wanted}")));
        }
        if delivery.body.len() > MAX_BODY {
            let bytes = delivery.body.len();
            return Err((BODY_TOO_BIG, format!("it has {bytes} bytes, the limit is {MAX_BODY}")));
        }
        let decoded =
            caught("the decoder", || (codec.decode)(&mut self.readings, place, &delivery.body));
        decoded
            .unwrap_or_else(|panicked| Err(panicked.to_string()))
            .map_err(|why| (BODY_DOES_NOT_MATCH, why))
    }
}

pub(super) fn aside(
    offset: i64,
    reason: &'static str,
    detail: &str,
    mut body: Vec<u8>,
) -> AsideMessage {
    body.truncate(KEPT_BODY);
    let detail = detail.chars().take(KEPT_DETAIL).collect();
    AsideMessage { offset, reason, detail, body }
}
