//! Publishes copies of messages. While the broker does not take one, its original stays unacknowledged.

use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use ballet_amqp::headers::drop_foreign;
use ballet_amqp::{Publish, PublishError, PublisherHandle};

use crate::engine::engine::Engine;

/// How long a confirm is waited for. A copy may come twice then, which its receiver notices.
const CONFIRM: Duration = Duration::from_secs(30);
/// How long to wait before the next attempt, when the broker does not take a copy.
const PAUSE: Duration = Duration::from_secs(5);

/// A copy is left in the journal once its queue has refused copies for the first of these times,
/// with pauses no longer than the second.
const REFUSES: Duration = Duration::from_secs(20);
const BETWEEN_REFUSALS: Duration = Duration::from_secs(10 * 60);

/// Returns when the copy is in the broker. A copy that is also in the journal stays there when its
/// queue has refused for a while, since otherwise publishers could bring the service to a stand.
pub(super) async fn send(
    engine: &Arc<Engine>,
    publisher: &PublisherHandle,
    mut copy: Publish,
    is_in_journal: bool,
) {
    let mut told = false;
    loop {
        let error = match publish(publisher, &mut copy, CONFIRM).await {
            Ok(()) => {
                if is_in_journal {
                    *refusals(engine) = None;
                }
                return;
            }
            Err(error) => error,
        };
        if is_in_journal && error.is_of_a_queue() {
            if !refuses_for_long(engine) {
                tokio::time::sleep(PAUSE).await;
                continue;
            }
            metrics::counter!("ballet_refused_uncopied_total").increment(1);
            tracing::error!("a message that cannot be taken is left in the journal: {error}");
            return;
        }
        if error != PublishError::Stopped && !std::mem::replace(&mut told, true) {
            tracing::error!(
                exchange = copy.exchange,
                "a dead letter or delayed message cannot be published; its original stays \
                 unacknowledged: {error}"
            );
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Notes a refusal, and returns whether there were others for long.
fn refuses_for_long(engine: &Engine) -> bool {
    let now = Instant::now();
    let mut seen = refusals(engine);
    let known = seen.filter(|(_, last)| now.duration_since(*last) < BETWEEN_REFUSALS);
    let since = known.map_or(now, |(since, _)| since);
    *seen = Some((since, now));
    now.duration_since(since) >= REFUSES
}

/// When the queue of dead letters first and last refused a copy, if it has taken none since.
fn refusals(engine: &Engine) -> MutexGuard<'_, Option<(Instant, Instant)>> {
    engine.refusals.lock().unwrap_or_else(PoisonError::into_inner)
}

/// If the broker refuses the copy's foreign headers, they are dropped, so that the next attempt is
/// not refused. They stay if the copy is refused without them, too.
async fn publish(
    publisher: &PublisherHandle,
    copy: &mut Publish,
    within: Duration,
) -> Result<(), PublishError> {
    let begun = Instant::now();
    let published = publisher.try_publish(copy.clone(), within).await;
    let is_refused = matches!(published, Err(PublishError::Unpublishable { .. }));
    let whole = copy.properties.clone();
    if !is_refused || !drop_foreign(&mut copy.properties) {
        return published;
    }
    let rest = within.saturating_sub(begun.elapsed());
    let published = publisher.try_publish(copy.clone(), rest).await;
    if matches!(published, Err(PublishError::Unpublishable { .. })) {
        copy.properties = whole;
    }
    published
}
