//! The operations on the dead letters of one service.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use ballet_amqp::{Backoff, Broker, BrokerError};
use ballet_core::Part;
use bytes::Bytes;
use jiff::Timestamp;
use sqlx::PgConnection;

use crate::redrive::archive_file::ArchiveFile;
use crate::redrive::dead_letter::DeadLetter;
use crate::redrive::error::RedriveError;
use crate::redrive::filter::DeadLetterFilter;
use crate::redrive::options::{Progress, RedriveOptions};
use crate::redrive::outcomes::{Canary, RedriveOutcome, RedriveOutcomeCounts, SendBackResult};
use crate::redrive::passes::{self, MOST_LOSSES};
use crate::redrive::plan::DeadLetterPlan;
use crate::redrive::queue::{DeadQueue, QueueStatus};
use crate::redrive::replace::{ReplaceAction, Replacement};
use crate::redrive::resend::ResendAction;
use crate::redrive::sent_ids::SentIds;
use crate::redrive::summary::Summary;
use crate::redrive::tool_run::ToolRun;
use crate::redrive::watcher::OutcomeWatcher;

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

    /// Makes a plan for the dead letters that are in the queue now and match the filter. `part` are the service's
    /// declarations, if they are known. The service's inbox has forgotten ids from before `floor`.
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
                if filter.matches(&dead_letter) {
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

    /// Sends one dead letter of each group back, and waits for its outcome. The plan then leaves
    /// out the groups whose canary was not handled in time. `inbox` is a connection to the
    /// service's database. Without it, only an event that the service published because of a
    /// message shows that it was handled. An error means that nothing was sent.
    pub(crate) async fn canaries(
        &self,
        plan: &mut DeadLetterPlan,
        options: &RedriveOptions<'_>,
        inbox: Option<PgConnection>,
        patience: Duration,
    ) -> Result<SendBackResult, RedriveError> {
        let ids = SentIds::default();
        let mut watcher = self.watcher(plan, options, inbox, &ids).await?;
        let mut resend = ResendAction::canaries(plan, options, ids);
        let ended = passes::run(&self.queue, &mut resend, Duration::ZERO, options).await;
        let (summary, sent) = resend.into_parts();
        let mut sent_back = SendBackResult::ended(summary, ended);
        let patience = if sent_back.error.is_some() { Duration::ZERO } else { patience };
        let outcomes = watcher.outcomes(patience, &mut options.stop.clone(), &|_| {}).await;
        sent_back.summary.stopped |= *options.stop.borrow();
        watcher.close().await;
        for (group, canary) in sent {
            let outcome = outcomes.get(&canary.sent_as).cloned();
            let is_sent = canary.is_sent || outcome.is_some();
            let outcome = outcome.unwrap_or(RedriveOutcome::Unknown);
            if outcome != RedriveOutcome::Handled {
                plan.hold_back(group.clone());
            }
            if is_sent {
                sent_back.outcomes.add(&outcome);
                sent_back.canaries.push(Canary { group, id: canary.id, outcome });
            }
        }
        Ok(sent_back)
    }

    async fn watcher(
        &self,
        plan: &DeadLetterPlan,
        options: &RedriveOptions<'_>,
        inbox: Option<PgConnection>,
        sent: &SentIds,
    ) -> Result<OutcomeWatcher, RedriveError> {
        let (broker, service) = (&self.queue.broker, self.service());
        OutcomeWatcher::open(broker, service, plan.part(), options, inbox, sent.clone()).await
    }

    /// Sends the dead letters of the plan back, except those of groups that are left out.
    ///
    /// # Errors
    ///
    /// If the broker does not answer, or denies access. Messages that were sent before stay sent.
    pub async fn redrive(
        &self,
        plan: &DeadLetterPlan,
        options: &RedriveOptions<'_>,
    ) -> Result<Summary, RedriveError> {
        let mut resend = ResendAction::all(plan, options, SentIds::default());
        let stopped = passes::run(&self.queue, &mut resend, options.pace(), options).await?;
        let (summary, _) = resend.into_parts();
        Ok(Summary { stopped, ..summary })
    }

    /// Like [`redrive`](Self::redrive), but waits for the outcomes of all messages, at most `patience` for the next
    /// one. `known` gets the number of outcomes so far. `inbox` and the error are as in [`canaries`](Self::canaries).
    pub(crate) async fn redrive_watched(
        &self,
        plan: &DeadLetterPlan,
        options: &RedriveOptions<'_>,
        inbox: Option<PgConnection>,
        patience: Duration,
        known: Progress<'_>,
    ) -> Result<SendBackResult, RedriveError> {
        let ids = SentIds::default();
        let mut watcher = self.watcher(plan, options, inbox, &ids).await?;
        let mut resend = ResendAction::all(plan, options, ids.clone());
        let ended = passes::run(&self.queue, &mut resend, options.pace(), options).await;
        let (summary, _) = resend.into_parts();
        // After a failure some messages may not have been sent, so nobody waits for them.
        let patience = if ended.is_err() { Duration::ZERO } else { patience };
        let found = watcher.outcomes(patience, &mut options.stop.clone(), known).await;
        let sent = ids.all().len() as u64;
        let outcomes = RedriveOutcomeCounts::of(found.values(), sent.min(summary.removed));
        watcher.close().await;
        Ok(SendBackResult { outcomes, ..SendBackResult::ended(summary, ended) })
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
