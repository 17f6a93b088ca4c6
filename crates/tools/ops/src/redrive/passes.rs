//! Reads a dead-letter queue or another source in one or several passes.
//!
//! RabbitMQ may lose a connection's last acknowledgements. Such a dead letter is back in the queue although its
//! replacement was sent. A further run sends it again, under the same id, which the inbox drops.

use std::sync::Arc;

use ballet_amqp::Backoff;

use crate::redrive::action::PassAction;
use crate::redrive::error::RedriveError;
use crate::redrive::options::{RedriveOptions, stopped};
use crate::redrive::pass::{Pass, PassEnd};
use crate::redrive::source::MessageSource;
use crate::redrive::summary::Summary;

/// The maximum number of consecutive lost connections without progress.
pub(crate) const MOST_LOSSES: u32 = 5;

pub(crate) async fn run_to_end(
    source: &impl MessageSource,
    mut action: PassAction<'_>,
    options: &RedriveOptions<'_>,
) -> Result<Summary, RedriveError> {
    let stopped = run(source, &mut action, options).await?;
    Ok(Summary { stopped, ..action.summary })
}

/// Returns whether it was stopped before the end.
pub(crate) async fn run(
    source: &impl MessageSource,
    action: &mut PassAction<'_>,
    options: &RedriveOptions<'_>,
) -> Result<bool, RedriveError> {
    let (mut stop, mut backoff) = (options.stop.clone(), Backoff::default());
    let (mut losses, mut removed) = (0, action.summary.removed);
    loop {
        match pass(source, action, options).await {
            Ok(PassEnd::Read) => return Ok(false),
            Ok(PassEnd::Stopped) => return Ok(true),
            Ok(PassEnd::TimeUp) => {}
            Err(RedriveError::Broker(error)) if error.is_loss() => {
                if action.summary.removed > removed {
                    (losses, removed) = (0, action.summary.removed);
                    backoff.reset();
                }
                losses += 1;
                if losses > MOST_LOSSES {
                    return Err(error.into());
                }
                tracing::warn!("lost the broker while working on dead letters, retrying: {error}");
                tokio::select! {
                    () = tokio::time::sleep(backoff.wait()) => {}
                    () = stopped(&mut stop) => return Ok(true),
                }
            }
            Err(error) => return Err(error),
        }
    }
}

async fn pass(
    source: &impl MessageSource,
    action: &mut PassAction<'_>,
    options: &RedriveOptions<'_>,
) -> Result<PassEnd, RedriveError> {
    let session = source.connect().await?;
    let ended = async {
        source.check(&*session).await?;
        let mut dead_letters = source.read();
        let opened = Pass::open(Arc::clone(&session), source.service(), action, options).await;
        let longest = source.longest_pass();
        let ended = match opened {
            Ok(mut pass) => {
                let ended = pass.run(&mut dead_letters, longest, &mut options.stop.clone()).await;
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
