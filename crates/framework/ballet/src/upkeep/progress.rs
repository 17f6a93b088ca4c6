//! Notices that no work ends while a message is unsettled, or that one stays unsettled while others
//! go on.

use std::sync::Arc;
use std::time::Duration;

use ballet_amqp::ConsumerHandle;
use tokio::sync::watch;

use crate::engine::handlers::last_work::LastWork;
use crate::engine::stopping::waited;

const EVERY: Duration = Duration::from_secs(5);
/// A message may be tried a few times at once, each time for as long as a handler may take.
const HANDLERS: u32 = 4;
/// The rest of the work on a message: locks, conflicts with other transactions, pauses.
const REST: Duration = Duration::from_secs(60);
/// A message settles with its whole batch, and after those that came before it.
const ALONE: Duration = Duration::from_secs(15 * 60);
/// The broker ends a channel whose message is unsettled for 30 minutes, and the time begins again.
const LONGEST: Duration = Duration::from_secs(25 * 60);

#[derive(Debug, Clone)]
pub(crate) struct MessageProgress {
    consumer: Arc<ConsumerHandle>,
    last_work: Arc<LastWork>,
    /// How long a message may be unsettled while no work ends.
    still: Duration,
    /// How long a message may be unsettled while others go on.
    alone: Duration,
}

impl MessageProgress {
    pub(crate) fn new(
        consumer: Arc<ConsumerHandle>,
        last_work: Arc<LastWork>,
        handler_time: Duration,
    ) -> Self {
        let still = LONGEST.min(handler_time.saturating_mul(HANDLERS).saturating_add(REST));
        Self { consumer, last_work, still, alone: ALONE.max(still) }
    }

    pub(crate) fn stands_still(&self) -> Option<String> {
        let unsettled = self.consumer.unsettled_for().filter(|long| *long > self.still)?;
        let (seconds, idle) = (unsettled.as_secs(), self.last_work.ago());
        if idle > self.still {
            return Some(format!(
                "stand still: the oldest one is neither handled nor set aside for {seconds} s, and \
                 no handler has ended for {} s",
                idle.as_secs()
            ));
        }
        (unsettled > self.alone).then(|| {
            format!(
                "stand still: others go on, but the oldest one is neither handled nor set aside \
                 for {seconds} s"
            )
        })
    }

    /// Measures the oldest message and raises the alarm, until the service stops.
    pub(crate) async fn watch(self, mut stopping: watch::Receiver<bool>) {
        let oldest = metrics::gauge!("ballet_unsettled_oldest_seconds");
        let mut stood_still = false;
        while waited(&mut stopping, EVERY).await {
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

    struct StuckService {
        broker: MemoryBroker,
        kept: Arc<Mutex<Vec<ballet_amqp::Receipt>>>,
        last_work: Arc<LastWork>,
        progress: MessageProgress,
    }

    impl StuckService {
        fn new(handler_time: Duration) -> Self {
            let broker = MemoryBroker::new();
            broker.queue("hotel");
            let kept = Arc::new(Mutex::new(Vec::new()));
            let last_work = Arc::new(LastWork::new());
            let (keep, work) = (Arc::clone(&kept), Arc::clone(&last_work));
            let sink: ballet_amqp::Sink = Arc::new(move |arrival: ballet_amqp::Arrival| {
                let is_stuck = arrival.delivery.body == b"stuck";
                if is_stuck {
                    keep.lock().expect("no panic").push(arrival.receipt);
                } else {
                    work.note();
                    arrival.receipt.settle();
                }
            });
            let settings = ConsumerSettings::new("hotel", "1");
            let consumer = Arc::new(Consumer::start(Arc::new(broker.clone()), settings, sink));
            let progress = MessageProgress::new(consumer, Arc::clone(&last_work), handler_time);
            Self { broker, kept, last_work, progress }
        }

        fn put(&self, body: &'static str) {
            self.broker.put(&Publish {
                exchange: String::new(),
                routing_key: "hotel".to_owned(),
                mandatory: false,
                properties: BasicProperties::default(),
                body: body.into(),
            });
        }

        fn settle(&self) {
            self.kept.lock().expect("no panic").drain(..).for_each(ballet_amqp::Receipt::settle);
        }
    }

    const HANDLER: Duration = Duration::from_secs(30);

    #[tokio::test(start_paused = true)]
    async fn t183_messages_that_stand_still_are_noticed() {
        let stage = StuckService::new(HANDLER);
        stage.put("stuck");
        sleep(Duration::from_secs(179)).await;
        assert_eq!(stage.progress.stands_still(), None);
        sleep(Duration::from_secs(3)).await;
        let said = stage.progress.stands_still().expect("stands still");
        assert!(said.contains("no handler has ended for 18"), "{said}");
        stage.settle();
        assert_eq!(stage.progress.stands_still(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn t183_a_message_that_stays_unsettled_is_noticed_while_others_go_on() {
        let stage = StuckService::new(HANDLER);
        stage.put("stuck");
        for _ in 0..14 {
            sleep(Duration::from_secs(60)).await;
            stage.put("good");
            assert_eq!(stage.progress.stands_still(), None);
        }
        sleep(Duration::from_secs(63)).await;
        let said = stage.progress.stands_still().expect("stands still");
        assert!(said.contains("others go on") && said.contains("90"), "{said}");
        stage.settle();
        assert_eq!(stage.progress.stands_still(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn t183_a_batch_of_slow_handlers_does_not_stand_still() {
        let stage = StuckService::new(HANDLER);
        stage.put("stuck");
        for _ in 0..29 {
            sleep(HANDLER).await;
            stage.last_work.note();
            assert_eq!(stage.progress.stands_still(), None);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn t183_the_alarm_comes_before_the_broker_ends_the_channel() {
        let stage = StuckService::new(Duration::from_secs(3600));
        stage.put("stuck");
        sleep(Duration::from_secs(26 * 60)).await;
        assert!(stage.progress.stands_still().is_some());
    }
}
