//! Notices that messages stand still: that the oldest one is unsettled for longer than its handling
//! may take.

use std::sync::Arc;
use std::time::Duration;

use ballet_amqp::ConsumerHandle;
use tokio::sync::watch;

use crate::engine::stopping::stopped;

const EVERY: Duration = Duration::from_secs(5);
/// A message may be tried a few times at once, each time for as long as a handler may take.
const HANDLERS: u32 = 4;
/// The rest of the work on a message: locks, conflicts with other transactions, pauses.
const REST: Duration = Duration::from_secs(60);

/// Whether messages get on.
#[derive(Debug, Clone)]
pub(crate) struct Progress {
    consumer: Arc<ConsumerHandle>,
    longest: Duration,
}

impl Progress {
    pub(crate) fn new(consumer: Arc<ConsumerHandle>, handler_time: Duration) -> Self {
        Self { consumer, longest: handler_time * HANDLERS + REST }
    }

    /// Says what stands still, if anything does.
    pub(crate) fn stands_still(&self) -> Option<String> {
        let long = self.consumer.unsettled_for().filter(|long| *long > self.longest)?;
        let seconds = long.as_secs();
        Some(format!(
            "stand still: the oldest one is neither handled nor set aside for {seconds} s"
        ))
    }

    /// Measures the oldest message and raises the alarm, until the service stops.
    pub(crate) async fn watch(self, mut stopping: watch::Receiver<bool>) {
        let oldest = ballet_amqp::gauge!("ballet_unsettled_oldest_seconds");
        let mut stood_still = false;
        loop {
            tokio::select! {
                () = tokio::time::sleep(EVERY) => {}
                () = stopped(&mut stopping) => return,
            }
            oldest.set(self.consumer.unsettled_for().unwrap_or_default().as_secs_f64());
            let stands_still = self.stands_still();
            match (&stands_still, stood_still) {
                (Some(what), false) => tracing::error!(
                    "messages {what}; the log before this says why, and a restart delivers them again"
                ),
                (None, true) => tracing::info!("messages get on again"),
                _ => {}
            }
            stood_still = stands_still.is_some();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use ballet_amqp::{BasicProperties, Consumer, ConsumerSettings, Publish};
    use ballet_testkit::memory::MemoryBroker;
    use tokio::time::sleep;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn t183_a_message_that_stays_unsettled_is_noticed_while_others_go_on() {
        let broker = MemoryBroker::new();
        broker.queue("hotel");
        let kept = Arc::new(Mutex::new(Vec::new()));
        let keep = Arc::clone(&kept);
        let sink: ballet_amqp::Sink = Arc::new(move |arrival: ballet_amqp::Arrival| {
            let is_stuck = arrival.delivery.body == b"stuck";
            match is_stuck {
                true => keep.lock().expect("no panic").push(arrival.receipt),
                false => arrival.receipt.settle(),
            }
        });
        let settings = ConsumerSettings::new("hotel", "1");
        let consumer = Arc::new(Consumer::start(Arc::new(broker.clone()), settings, sink));
        let progress = Progress::new(consumer, Duration::from_secs(30));
        let put = |body: &'static str| {
            broker.put(&Publish {
                exchange: String::new(),
                routing_key: "hotel".to_owned(),
                mandatory: false,
                properties: BasicProperties::default(),
                body: body.into(),
            });
        };
        put("stuck");
        sleep(Duration::from_secs(100)).await;
        put("good");
        sleep(Duration::from_secs(79)).await;
        assert_eq!(progress.stands_still(), None);
        sleep(Duration::from_secs(3)).await;
        let said = progress.stands_still().expect("stands still");
        assert!(said.contains("18"), "{said}");
        kept.lock().expect("no panic").drain(..).for_each(ballet_amqp::Receipt::settle);
        assert_eq!(progress.stands_still(), None);
    }
}
