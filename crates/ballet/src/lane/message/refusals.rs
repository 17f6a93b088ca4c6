//! How much of what producers outside of the system send, and nobody can read, becomes dead letters.
//!
//! The journal has each message as it came. A dead letter is a second copy, and the journal has that too. So who
//! may publish one event and nothing else could fill the broker, and keep a service busy with copies while
//! good messages wait behind. Beyond a bound for each event such a message is left in the journal, counted and
//! told, and nothing is made of it.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use ballet_amqp::Delivery;
use ballet_amqp::headers::encoded_size;
use ballet_core::EventType;
use ballet_core::envelope::KnownEvents;
use ballet_core::topology::EVENTS;
use tokio::time::Instant;

/// The messages that a producer's queue of returned messages keeps.
const MESSAGES: f64 = 10_000.0;
const BYTES: f64 = 100_000_000.0;
/// The time after which that much may become dead letters again.
const WITHIN: Duration = Duration::from_secs(60 * 60);
/// How often the messages that were left out are logged.
const TELL_EVERY: Duration = Duration::from_secs(60);

/// The allowance that is left of the bounds, by event.
#[derive(Debug, Default)]
pub(crate) struct Refusals(Mutex<HashMap<&'static str, CopyAllowance>>);

#[derive(Debug)]
struct CopyAllowance {
    messages: f64,
    bytes: f64,
    at: Instant,
    /// The number of refusals that are not logged yet, and the time of the last log line.
    untold: u64,
    told: Option<Instant>,
}

impl Refusals {
    /// Whether a message that cannot be read becomes a dead letter. One that does not is in the journal.
    pub(crate) fn keeps(&self, known: &KnownEvents, delivery: &Delivery) -> bool {
        // A message that was put straight into a queue is in no journal, and a service may be believed: its mistakes
        // are mended, and then all of them are wanted.
        let event = known.get(&delivery.routing_key);
        let is_foreign = |event: &EventType| !event.foreign_producers().is_empty();
        let Some(event) = event.filter(is_foreign).filter(|_| delivery.exchange == EVENTS) else {
            return true;
        };
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let left = all.entry(event.name()).or_insert_with(|| CopyAllowance::new(now));
        let headers = delivery.properties.headers().as_ref().map_or(0, encoded_size);
        if left.takes(delivery.body.len() + headers, now) {
            return true;
        }
        ballet_amqp::counter!("ballet_refused_uncopied_total").increment(1);
        if let Some(count) = left.untold_by(now) {
            tracing::error!(
                event = event.name(),
                count,
                "messages cannot be taken, and so many that they are not set aside: the journal has them"
            );
        }
        false
    }
}

impl CopyAllowance {
    fn new(now: Instant) -> Self {
        Self { messages: MESSAGES, bytes: BYTES, at: now, untold: 0, told: None }
    }

    #[expect(clippy::cast_precision_loss, reason = "a message is far smaller than 2^52 bytes")]
    fn takes(&mut self, bytes: usize, now: Instant) -> bool {
        let share = now.duration_since(self.at).as_secs_f64() / WITHIN.as_secs_f64();
        self.messages = (self.messages + share * MESSAGES).min(MESSAGES);
        self.bytes = (self.bytes + share * BYTES).min(BYTES);
        self.at = now;
        let bytes = bytes as f64;
        let takes = self.messages >= 1.0 && self.bytes >= bytes;
        if takes {
            self.messages -= 1.0;
            self.bytes -= bytes;
        }
        takes
    }

    /// How many were left out since the last log line, if the next one is due.
    fn untold_by(&mut self, now: Instant) -> Option<u64> {
        self.untold += 1;
        if self.told.is_some_and(|told| now.duration_since(told) < TELL_EVERY) {
            return None;
        }
        self.told = Some(now);
        Some(std::mem::take(&mut self.untold))
    }
}

#[cfg(test)]
mod tests {
    use ballet_amqp::{AMQPValue, BasicProperties, FieldTable};

    use super::*;

    fn delivery(exchange: &str, routing_key: &str, bytes: usize) -> Delivery {
        let body = vec![b'?'; bytes];
        let (exchange, routing_key) = (exchange.to_owned(), routing_key.to_owned());
        let properties = BasicProperties::default();
        Delivery { tag: 0, redelivered: false, exchange, routing_key, properties, body }
    }

    #[tokio::test(start_paused = true)]
    async fn headers_count_as_the_body_does() {
        let event = EventType::plain("cart.checked_out.v1").also_from(&["storefront"]);
        let known: KnownEvents = [event].into_iter().collect();
        let kept = |value: AMQPValue| {
            let refusals = Refusals::default();
            let mut headers = FieldTable::default();
            headers.insert("x-dead-why".into(), value);
            let mut message = delivery(EVENTS, event.name(), 0);
            message.properties = message.properties.with_headers(headers);
            (0..10_000).filter(|_| refusals.keeps(&known, &message)).count()
        };
        assert_eq!(kept(AMQPValue::LongString(vec![b'x'; 100_000].into())), 999);
        let empty = AMQPValue::LongString("".into());
        assert_eq!(kept(AMQPValue::FieldArray(vec![empty; 20_000].into())), 999);
    }

    #[tokio::test(start_paused = true)]
    async fn t217_outsiders_have_a_bound_in_messages_and_in_bytes_which_grows_again() {
        let foreign = EventType::plain("cart.checked_out.v1").also_from(&["storefront"]);
        let other = EventType::plain("cart.filled.v1").also_from(&["storefront"]);
        let own = EventType::plain("cart.cleared.v1");
        let known: KnownEvents = [foreign, other, own].into_iter().collect();
        let refusals = Refusals::default();
        let kept = |event: &EventType, count: usize, bytes: usize| {
            let message = delivery(EVENTS, event.name(), bytes);
            (0..count).filter(|_| refusals.keeps(&known, &message)).count()
        };
        assert_eq!(kept(&foreign, 12_000, 10), 10_000);
        assert_eq!(kept(&other, 150, 1_000_000), 100);
        assert_eq!(kept(&own, 12_000, 10), 12_000);
        assert!(refusals.keeps(&known, &delivery("", foreign.name(), 10)), "the journal lacks it");
        tokio::time::advance(WITHIN / 100).await;
        assert_eq!(kept(&foreign, 200, 10), 100);
        tokio::time::advance(WITHIN * 100).await;
        assert_eq!(kept(&foreign, 12_000, 10), 10_000);
    }
}
