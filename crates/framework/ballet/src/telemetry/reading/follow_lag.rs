//! How far a follower is behind the ends of its streams, in this process.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ballet_amqp::{Broker, BrokerError};
use jiff::Timestamp;
use tokio::time::{MissedTickBehavior, interval, timeout};

use crate::declare::telemetry::AnyFollower;
use crate::engine::engine::Engine;
use crate::engine::stopping::stopped;
use crate::telemetry::reading::batch::SeenMessage;
use crate::telemetry::reading::ends::StreamEnds;
use crate::telemetry::reading::start::MessagesSince;
use crate::telemetry::series;

/// How often it looks, and how long a look may take.
const EVERY: Duration = Duration::from_secs(2);
const LOOK: Duration = Duration::from_secs(10);

#[derive(Debug, Default)]
pub(crate) struct FollowProgress(Mutex<Option<FollowPlace>>);

#[derive(Debug, Clone, Copy)]
struct FollowPlace {
    /// The offset that comes next.
    next: i64,
    /// When the last was published, or when the process began.
    at: Timestamp,
}

impl FollowProgress {
    /// The process follows the stream from now on, unless it did before.
    pub(super) fn begins(&self, now: Timestamp) {
        self.place().get_or_insert(FollowPlace { next: 0, at: now });
    }

    /// The follower has taken all messages up to this one.
    pub(super) fn is_at(&self, last: &SeenMessage) {
        let mut place = self.place();
        let before = place.map_or(Timestamp::UNIX_EPOCH, |place| place.at);
        let at = last.published_at.unwrap_or(before);
        *place = Some(FollowPlace { next: last.offset + 1, at });
    }

    /// There is nothing for it up to this offset.
    pub(super) fn passes(&self, offset: i64) {
        if let Some(place) = self.place().as_mut() {
            place.next = place.next.max(offset + 1);
        }
    }

    /// The messages and the seconds to the stream's end, if its last message has this offset.
    fn lag(&self, last: Option<i64>, now: Timestamp) -> (f64, f64) {
        match (*self.place(), last) {
            (Some(place), Some(last)) if last >= place.next => {
                let messages = u32::try_from(last + 1 - place.next).unwrap_or(u32::MAX);
                (f64::from(messages), now.duration_since(place.at).as_secs_f64().max(0.0))
            }
            // Before it has begun, the process is not ready, and says so.
            _ => (0.0, 0.0),
        }
    }

    fn place(&self) -> std::sync::MutexGuard<'_, Option<FollowPlace>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(crate) struct FollowLag {
    pub(crate) engine: Arc<Engine>,
    pub(crate) broker: Arc<dyn Broker>,
    pub(crate) follower: Arc<dyn AnyFollower>,
    /// The progress in each stream, in the order of the partitions.
    pub(crate) followed: Vec<Arc<FollowProgress>>,
}

impl FollowLag {
    /// Looks until the service stops. A lag that it cannot see stays as it was, since a follower
    /// without the broker fails, and readiness reports that.
    pub(crate) async fn run(self) {
        let mut stopping = self.engine.stopping.clone();
        let mut every = interval(EVERY);
        every.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut ends = StreamEnds::default();
        loop {
            tokio::select! {
                _ = every.tick() => {}
                () = stopped(&mut stopping) => return,
            }
            match timeout(LOOK, self.show(&mut ends)).await {
                Ok(Ok(())) => {}
                Ok(Err(lost)) => tracing::debug!("the ends of streams are not known: {lost}"),
                Err(_) => tracing::debug!("the ends of streams are not known: no answer"),
            }
        }
    }

    async fn show(&self, ends: &mut StreamEnds) -> Result<(), BrokerError> {
        let codec = self.follower.codec();
        let now = self.engine.time.clock.now();
        // Older messages do not count.
        let since = (now - self.follower.reaches_back()).as_second();
        let (service, process) = (self.engine.registry.service, self.engine.relay.process);
        let connection = format!("{service} lag of {} {process}", codec.name);
        let streams = (0..).map(|n| codec.reads().routing_key(n)).take(self.followed.len());
        let streams: Vec<String> = streams.collect();
        let found = ends.look(&*self.broker, &connection, &streams).await?;
        let mut failed = Ok(());
        for ((stream, followed), last) in streams.into_iter().zip(&self.followed).zip(found) {
            match last {
                Ok(last) => {
                    let MessagesSince { end, .. } =
                        MessagesSince::behind_message(last.as_ref(), since);
                    let lag = followed.lag(end, self.engine.time.clock.now());
                    series::follow_lag(codec.name, stream, lag);
                }
                Err(error) => failed = failed.and(Err(error)),
            }
        }
        failed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_old_to_be_followed_is_no_lag() {
        let (followed, now) = (FollowProgress::default(), Timestamp::UNIX_EPOCH);
        followed.begins(now);
        assert_eq!(followed.lag(Some(4), now), (5.0, 0.0));
        followed.passes(4);
        assert_eq!(followed.lag(Some(4), now), (0.0, 0.0));
        assert_eq!(followed.lag(Some(5), now), (1.0, 0.0));
    }
}
