//! The operations on the dead letters of one service.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use ballet_amqp::{Backoff, Broker, BrokerError};
use ballet_core::Part;
use bytes::Bytes;
use jiff::Timestamp;

use crate::redrive::archive_file::ArchiveFile;
use crate::redrive::dead_letter::DeadLetter;
use crate::redrive::error::RedriveError;
use crate::redrive::filter::DeadLetterFilter;
use crate::redrive::options::RedriveOptions;
use crate::redrive::passes::{self, MOST_LOSSES};
use crate::redrive::plan::DeadLetterPlan;
use crate::redrive::queue::{DeadQueue, QueueStatus};
use crate::redrive::replace::{ReplaceAction, Replacement};
use crate::redrive::resend::ResendAction;
use crate::redrive::summary::Summary;
use crate::redrive::tool_run::ToolRun;

/// The dead letters of one service.
#[derive(Clone)]
pub struct DeadLetters {
    queue: DeadQueue,
}

impl DeadLetters {
    /// Makes a handle on the dead letters of `service` on `broker`. This does not connect yet.
    pub fn new(broker: impl Broker + 'static, service: impl Into<String>) -> Self {
        Self::on(Arc::new(broker), service)
    }

    /// Like [`new`](Self::new), on a shared broker.
    pub fn on(broker: Arc<dyn Broker>, service: impl Into<String>) -> Self {
        Self { queue: DeadQueue::of(broker, service.into()) }
    }

    pub(crate) fn of_queue(queue: DeadQueue) -> Self {
        Self { queue }
    }

    /// Returns the name of the service.
    #[must_use]
    pub fn service(&self) -> &str {
        &self.queue.service
    }

    /// Counts the dead letters.
    ///
    /// # Errors
    ///
    /// If the broker does not answer, or has no such queue.
    pub async fn status(&self) -> Result<QueueStatus, RedriveError> {
        self.queue.status().await
    }

    /// Passes every dead letter to `each`, in the order of the queue, and leaves it there. Other readers do not see
    /// them meanwhile.
    ///
    /// # Errors
    ///
    /// If the broker does not answer, or has no such queue.
    pub async fn browse(&self, each: impl FnMut(DeadLetter)) -> Result<(), RedriveError> {
        self.queue.browse(each).await
    }

    /// Makes a plan for the dead letters that are in the queue now and match the filter, up to its limit. `part` are the
    /// service's declarations, if they are known. The service's inbox has forgotten ids from before `floor`.
    ///
    /// # Errors
    ///
    /// If the broker does not answer, or has no such queue.
    pub async fn plan(
        &self,
        filter: DeadLetterFilter,
        part: Option<Part>,
        floor: Timestamp,
    ) -> Result<DeadLetterPlan, RedriveError> {
        let (mut backoff, mut losses) = (Backoff::default(), 0);
        loop {
            let mut plan = DeadLetterPlan::new(part.clone(), floor);
            let read = self.browse(|dead_letter| {
                let has_room = filter.limit.is_none_or(|limit| plan.dead_letters() < limit);
                if has_room && filter.matches(&dead_letter) {
                    plan.add(&dead_letter);
                }
            });
            match read.await {
                Ok(()) => return Ok(plan),
                // A broker that was never reached is reported at once.
                Err(RedriveError::Broker(error @ BrokerError::Unreachable { .. }))
                    if losses == 0 =>
                {
                    return Err(error.into());
                }
                Err(RedriveError::Broker(error)) if error.is_loss() && losses < MOST_LOSSES => {
                    losses += 1;
                    tracing::warn!("lost the broker while reading dead letters, retrying: {error}");
                    tokio::time::sleep(backoff.wait()).await;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Sends the dead letters of the plan back.
    ///
    /// # Errors
    ///
    /// If the broker fails before anything is sent. A later error is in the summary.
    pub async fn redrive(
        &self,
        plan: &DeadLetterPlan,
        options: &RedriveOptions<'_>,
    ) -> Result<Summary, RedriveError> {
        let mut resend = ResendAction::new(plan, options);
        let ended = passes::run(&self.queue, &mut resend, options.pace(), options).await;
        let summary = resend.into_summary();
        match ended {
            Ok(stopped) => Ok(Summary { stopped, ..summary }),
            Err(error) if summary.removed == 0 => Err(error),
            Err(error) => Ok(Summary { error: Some(error), ..summary }),
        }
    }

    /// Gives the dead letters of the plan another body. They stay dead letters, and the journal
    /// keeps the old body.
    ///
    /// # Errors
    ///
    /// If the broker does not answer, or denies access.
    pub async fn edit(
        &self,
        plan: &DeadLetterPlan,
        body: Bytes,
        options: &RedriveOptions<'_>,
    ) -> Result<Summary, RedriveError> {
        let replacement = |run: &ToolRun, dead_letter: &DeadLetter| run.edited(dead_letter, &body);
        self.replace(plan, options, &replacement, None, false).await
    }

    /// Discards the dead letters of the plan. The archive stores each of them first.
    ///
    /// # Errors
    ///
    /// If the broker does not answer, or denies access, or if the archive fails.
    pub async fn discard(
        &self,
        plan: &DeadLetterPlan,
        archive: &mut ArchiveFile,
        options: &RedriveOptions<'_>,
    ) -> Result<Summary, RedriveError> {
        self.replace(plan, options, &ToolRun::discarded, Some(archive), true).await
    }

    async fn replace<'a>(
        &self,
        plan: &'a DeadLetterPlan,
        options: &RedriveOptions<'_>,
        replacement: Replacement<'a>,
        archive: Option<&'a mut ArchiveFile>,
        retires: bool,
    ) -> Result<Summary, RedriveError> {
        let mut replace = ReplaceAction::new(plan, options, replacement, archive, retires);
        let stopped = passes::run(&self.queue, &mut replace, Duration::ZERO, options).await?;
        Ok(Summary { stopped, ..replace.into_summary() })
    }
}

impl fmt::Debug for DeadLetters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeadLetters").field("service", &self.queue.service).finish_non_exhaustive()
    }
}
