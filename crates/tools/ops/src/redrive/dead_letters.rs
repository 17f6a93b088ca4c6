//! The operations on the dead letters of one service.

use std::collections::BTreeMap;

use ballet_core::{MessageId, Part};
use bytes::Bytes;
use jiff::Timestamp;
use uuid::Uuid;

use crate::redrive::action::PassAction;
use crate::redrive::archive_file::ArchiveFile;
use crate::redrive::dead_letter::{DeadLetter, LetterIdentity};
use crate::redrive::error::RedriveError;
use crate::redrive::filter::DeadLetterFilter;
use crate::redrive::note_writer::NoteWriter;
use crate::redrive::options::RedriveOptions;
use crate::redrive::passes;
use crate::redrive::plan::DeadLetterPlan;
use crate::redrive::queue::DeadLetters;
use crate::redrive::summary::Summary;
use crate::redrive::tool_run::ToolRun;

impl DeadLetters {
    /// Plans for the dead letters now in the queue that match the filter, up to its limit. `part` are the service's
    /// declarations, if known. The service's inbox has forgotten ids from before `floor`.
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
        let mut plan = DeadLetterPlan::new(part, floor);
        self.browse(|dead_letter| {
            let has_room = filter.limit.is_none_or(|limit| plan.dead_letters() < limit);
            if has_room && filter.matches(&dead_letter) {
                plan.add(&dead_letter);
            }
        })
        .await?;
        Ok(plan)
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
        let run = ToolRun::new(options, plan.floor());
        // Each once, however many passes read it.
        let mut forged: BTreeMap<LetterIdentity, String> = BTreeMap::new();
        let resend = |letter: &DeadLetter| {
            if !is_planned(plan, &run, letter) {
                return None;
            }
            if plan.is_forgotten(letter) && !options.beyond_memory {
                return None;
            }
            if let Some(why) = letter.why_unsendable() {
                forged.insert(letter.identity(), why);
                return None;
            }
            Some(run.redriven(letter, plan.part()))
        };
        let retires = |letter: &DeadLetter| letter.id_is_before(plan.floor());
        let action = PassAction { retires: Box::new(retires), ..PassAction::new(resend) };
        let mut summary = passes::run_to_end(self, action, options).await?;
        // They are the last failures, so that they hide no others.
        for ((id, ..), why) in forged {
            summary.add_failed(MessageId(Uuid::from_u128(id)), why);
        }
        Ok(summary)
    }

    /// Replaces the bodies of the plan's dead letters. They stay dead letters, and the journal keeps the old body.
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
        let run = ToolRun::new(options, plan.floor());
        let edited =
            |letter: &DeadLetter| is_planned(plan, &run, letter).then(|| run.edited(letter, &body));
        passes::run_to_end(self, PassAction::new(edited), options).await
    }

    /// Discards the plan's dead letters. The archive stores each first, and a note follows.
    ///
    /// # Errors
    ///
    /// If the broker does not answer, or denies access, or if the archive fails.
    pub async fn discard(
        &self,
        plan: &DeadLetterPlan,
        archive: &mut ArchiveFile,
        notes: &NoteWriter,
        options: &RedriveOptions<'_>,
    ) -> Result<Summary, RedriveError> {
        let run = ToolRun::new(options, plan.floor());
        let discarded =
            |letter: &DeadLetter| is_planned(plan, &run, letter).then(|| run.discarded(letter));
        let retires = |letter: &DeadLetter| {
            notes.add(letter);
            true
        };
        let discard = PassAction {
            retires: Box::new(retires),
            archive: Some(archive),
            ..PassAction::new(discarded)
        };
        passes::run_to_end(self, discard, options).await
    }
}

/// A message that this run has sent and that died again is not sent in circles.
fn is_planned(plan: &DeadLetterPlan, run: &ToolRun, letter: &DeadLetter) -> bool {
    plan.contains(letter) && !letter.is_from(&run.id)
}

#[cfg(test)]
mod tests {
    use ballet_amqp::headers::DEAD_REASON;
    use ballet_amqp::{BasicProperties, Publish};
    use ballet_core::topology::DEAD;
    use ballet_testkit::memory::{ExchangeKind, MemoryBroker};

    use super::*;
    use crate::redrive::sample::{delivered, long_string};

    #[tokio::test]
    async fn forged_letters_are_told_once_and_hide_no_failure() {
        let broker = MemoryBroker::new();
        broker.queue("hotel.dead");
        // Of notes.
        broker.exchange(DEAD, ExchangeKind::Topic);
        broker.queue("notes");
        broker.bind(DEAD, "#", "notes");
        let forged = (0..30).map(|number| (number.to_string(), "forged_type"));
        for (id, reason) in forged.chain([("good".to_owned(), "no_room")]) {
            let properties = BasicProperties::default().with_message_id(id.into());
            let headers = [(DEAD_REASON, long_string(reason))];
            broker.put(&Publish {
                exchange: String::new(),
                routing_key: "hotel.dead".to_owned(),
                mandatory: true,
                properties: delivered("", "", properties, &headers).properties,
                body: Bytes::new(),
            });
        }
        let letters = DeadLetters::new(broker, "hotel");
        let plan = letters.plan(DeadLetterFilter::default(), None, Timestamp::UNIX_EPOCH).await;
        let plan = plan.expect("a plan");
        let summary = letters.redrive(&plan, &RedriveOptions::plain()).await.expect("a summary");
        // The service has no queue.
        assert_eq!((summary.removed, summary.failed), (0, 31));
        let (_, why) = &summary.failures[0];
        assert!(why.starts_with("no queue takes messages for `hotel`"), "{why}");
    }
}
