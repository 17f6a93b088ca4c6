//! Goes through a dead-letter queue, or another source, in as many passes as it takes.

use std::sync::Arc;
use std::time::Duration;

use ballet_amqp::Backoff;

use crate::redrive::action::Action;
use crate::redrive::error::RedriveError;
use crate::redrive::options::Stop;
use crate::redrive::pass::{End, Pass};
use crate::redrive::source::Source;

/// The number of times in a row that the connection may be lost without progress.
pub(crate) const MOST_LOSSES: u32 = 5;

/// Goes through the source until its end. Returns whether it was stopped before.
pub(crate) async fn run(
    source: &impl Source,
    action: &mut dyn Action,
    pace: Duration,
    stop: &mut Stop,
) -> Result<bool, RedriveError> {
    let mut backoff = Backoff::default();
    let (mut losses, mut removed) = (0, action.removed_count());
    loop {
        match pass(source, action, pace, stop).await {
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
    source: &impl Source,
    action: &mut dyn Action,
    pace: Duration,
    stop: &mut Stop,
) -> Result<End, RedriveError> {
    let session = source.connect().await?;
    let ended = async {
        source.check(&*session).await?;
        let mut dead_letters = source.read();
        let opened = Pass::open(Arc::clone(&session), source.service(), action, pace).await;
        let longest = source.longest_pass();
        let ended = match opened {
            Ok(mut pass) => {
                let ended = pass.run(&mut dead_letters, longest, stop).await;
                ended.map(|end| (end, pass.left()))
            }
            Err(error) => Err(error),
        };
        let closed = dead_letters.close().await;
        let ended = ended?;
        closed.map(|()| ended)
    };
    let ended = ended.await;
    session.close().await;
    let (end, left) = ended?;
    source.wait_until_returned(left).await?;
    Ok(end)
}

#[cfg(test)]
#[path = "passes_tests.rs"]
mod tests;
