//! Reads a dead-letter queue or another source in one or several passes.
//!
//! RabbitMQ may lose a connection's last acknowledgements: a channel with more than 32 commands under way to a quorum
//! queue keeps further ones in its own memory, which ends with the channel (`settle` in `rabbit_fifo_client`). Such a
//! dead letter is back in the queue although its replacement was sent. So a run counts the queue at its end, and
//! removes those again.

use std::collections::HashSet;
use std::sync::Arc;

use ballet_amqp::Backoff;

use crate::redrive::action::PassAction;
use crate::redrive::dead_letter::LetterIdentity;
use crate::redrive::error::RedriveError;
use crate::redrive::options::{RedriveOptions, stopped};
use crate::redrive::pass::{Pass, PassEnd};
use crate::redrive::source::MessageSource;
use crate::redrive::summary::Summary;

/// The maximum number of consecutive lost connections without progress.
const MOST_LOSSES: u32 = 5;

/// After something was removed, an error is in the summary.
pub(crate) async fn run_to_end(
    source: &impl MessageSource,
    mut action: PassAction<'_>,
    options: &RedriveOptions<'_>,
) -> Result<Summary, RedriveError> {
    let ended = run(source, &mut action, options).await;
    let summary = action.summary;
    match ended {
        Ok(stopped) => Ok(Summary { stopped, ..summary }),
        Err(error) if summary.removed == 0 => Err(error),
        Err(error) => Ok(Summary { error: Some(error), ..summary }),
    }
}

/// Returns whether it was stopped before the end.
pub(crate) async fn run(
    source: &impl MessageSource,
    action: &mut PassAction<'_>,
    options: &RedriveOptions<'_>,
) -> Result<bool, RedriveError> {
    let (mut stop, mut backoff) = (options.stop.clone(), Backoff::default());
    let (mut losses, mut removed) = (0, action.summary.removed);
    let mut identities = HashSet::new();
    loop {
        match pass(source, action, options, &mut identities).await {
            Ok((PassEnd::Read, SourceContents::WhatIsLeft)) => return Ok(false),
            Ok((PassEnd::Stopped, _)) => return Ok(true),
            Ok((PassEnd::TimeUp, _) | (PassEnd::Read, SourceContents::More)) => {}
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

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SourceContents {
    WhatIsLeft,
    /// Messages that the pass removed may be among them.
    More,
}

async fn pass(
    source: &impl MessageSource,
    action: &mut PassAction<'_>,
    options: &RedriveOptions<'_>,
    identities: &mut HashSet<LetterIdentity>,
) -> Result<(PassEnd, SourceContents), RedriveError> {
    let session = source.connect().await?;
    let mut removed = Vec::new();
    let ended = async {
        source.check(&*session).await?;
        let mut dead_letters = source.read();
        let holder = Arc::clone(&session);
        let opened = Pass::open(holder, source.service(), action, options, identities).await;
        let longest = source.longest_pass();
        let ended = match opened {
            Ok(mut pass) => {
                let ended = pass.run(&mut dead_letters, longest, &mut options.stop.clone()).await;
                let left = pass.left();
                removed = pass.into_removed();
                ended.map(|end| (end, left))
            }
            Err(error) => Err(error),
        };
        let closed = dead_letters.close().await;
        let ended = ended?;
        closed.map(|()| ended)
    };
    let ended = ended.await;
    session.close().await;
    let has_removed = !removed.is_empty();
    identities.extend(removed);
    let (end, left) = ended?;
    let holds_more = end == PassEnd::Read && has_removed && source.holds_more_than(left).await?;
    source.wait_until_returned(left).await?;
    Ok((end, if holds_more { SourceContents::More } else { SourceContents::WhatIsLeft }))
}

#[cfg(test)]
#[path = "passes_tests.rs"]
mod tests;
