//! Goes through a dead-letter queue, in as many passes as it takes.

use std::sync::Arc;
use std::time::Duration;

use ballet_amqp::Backoff;

use crate::redrive::action::Action;
use crate::redrive::error::RedriveError;
use crate::redrive::options::Stop;
use crate::redrive::pass::{End, Pass};
use crate::redrive::queue::DeadQueue;
use crate::redrive::reader;

/// The number of times in a row that the connection may be lost without progress.
pub(crate) const MOST_LOSSES: u32 = 5;

/// Goes through the queue until its end. Returns whether it was stopped before.
pub(crate) async fn run(
    queue: &DeadQueue,
    action: &mut dyn Action,
    pace: Duration,
    stop: &mut Stop,
) -> Result<bool, RedriveError> {
    let mut backoff = Backoff::default();
    let (mut losses, mut removed) = (0, action.removed_count());
    loop {
        match pass(queue, action, pace, stop).await {
            Ok(End::Read) => return Ok(false),
            Ok(End::Stopped) => return Ok(true),
            Ok(End::TimeUp) => {}
            Err(RedriveError::Broker(error)) if error.is_loss() => {
                if action.removed_count() > removed {
                    (losses, removed) = (0, action.removed_count());
                    backoff.reset();
                }
                losses += 1;
                if losses > MOST_LOSSES {
                    return Err(error.into());
                }
                tracing::warn!("lost the broker while working on dead letters, retrying: {error}");
                tokio::select! {
                    () = tokio::time::sleep(backoff.wait()) => {}
                    _ = stop.wait_for(|stop| *stop) => return Ok(true),
                }
            }
            Err(error) => return Err(error),
        }
    }
}

async fn pass(
    queue: &DeadQueue,
    action: &mut dyn Action,
    pace: Duration,
    stop: &mut Stop,
) -> Result<End, RedriveError> {
    let session = queue.connect().await?;
    let ended = async {
        queue.find(&*session).await?;
        let mut dead_letters = reader::read(Arc::clone(&queue.broker), queue.service.clone());
        let opened = Pass::open(Arc::clone(&session), &queue.service, action, pace).await;
        let ended = match opened {
            Ok(mut pass) => pass.run(&mut dead_letters, stop).await.map(|end| (end, pass.left())),
            Err(error) => Err(error),
        };
        dead_letters.close().await;
        ended
    };
    let ended = ended.await;
    session.close().await;
    let (end, left) = ended?;
    queue.wait_until_returned(left).await?;
    Ok(end)
}
