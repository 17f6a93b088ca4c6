//! Sends dead letters back, discards and edits them.

use std::path::PathBuf;

use ballet_core::envelope::Limits;
use ballet_core::topology::UNROUTED;
use ballet_ops::redrive::{
    ArchiveFile, DeadLetterFilter, DeadLetterPlan, Note, NoteWriter, RedriveError, Stop, Summary,
};
use ballet_store::inbox::failures;
use jiff::Timestamp;
use sqlx::PgConnection;

use crate::actions::action_context::ActionContext;
use crate::actions::running_actions::{ActionOutcome, ProgressText};
use crate::store::actions::ActionState;

#[derive(Debug, Clone)]
pub(crate) struct ChosenLetters {
    pub(crate) service: String,
    pub(crate) filter: DeadLetterFilter,
}

impl ChosenLetters {
    /// Changes nothing.
    pub(crate) async fn plan(
        &self,
        context: &ActionContext,
    ) -> Result<DeadLetterPlan, RedriveError> {
        let floor = context.clock.now() - Limits::default().inbox_window;
        let part = context.part(&self.service).cloned();
        context.letters(&self.service).plan(self.filter.clone(), part, floor).await
    }

    pub(crate) async fn redrive(
        &self,
        context: &ActionContext,
        plan: DeadLetterPlan,
        note: Note,
        stop: Stop,
        says: &ProgressText,
    ) -> ActionOutcome {
        let whole = plan.sendable();
        let progress = |done: u64| says.say(format!("{done} of {whole} sent"));
        let options = context.options(note, stop, &progress);
        let sent = match &*self.service {
            // Those that no binding took go to their consumers.
            UNROUTED => context.unrouted().redrive(&self.filter, &options).await,
            service => context.letters(service).redrive(&plan, &options).await,
        };
        match sent {
            Ok(summary) => {
                let mut ended = self.sent(whole, &summary);
                self.forget(context, &summary, &mut ended).await;
                ended
            }
            Err(error) => ActionOutcome::failed(&error),
        }
    }

    fn sent(&self, whole: u64, summary: &Summary) -> ActionOutcome {
        let (sent, is_unrouted) = (summary.removed, self.service == UNROUTED);
        let went = if is_unrouted { "sent to their services" } else { "were sent back" };
        let mut ended =
            ActionOutcome::new(standing(sent, whole), format!("{sent} of {whole} {went}."));
        if let Some(error) = &summary.error {
            ended.say(&format!("The rest was not sent: {error}."));
        } else if sent < whole && !summary.stopped && !is_unrouted {
            ended.say(&format!(
                "{} were not sent: nothing shows any more whether they were handled before, or somebody else acted on \
                 them.",
                whole - sent
            ));
        }
        say_failures(summary, &mut ended);
        ended
    }

    /// Writes the dead letters of the plan to a file, and removes them.
    pub(crate) async fn discard(
        &self,
        context: &ActionContext,
        plan: DeadLetterPlan,
        note: Note,
        stop: Stop,
        says: &ProgressText,
    ) -> ActionOutcome {
        let file = archive(context, note.at);
        let mut lines = match ArchiveFile::open(&file) {
            Ok(lines) => lines,
            Err(error) => {
                let file = file.display();
                return ActionOutcome::failed(&format!(
                    "Nothing was discarded: {file} cannot be written: {error}"
                ));
            }
        };
        let whole = plan.dead_letters();
        let progress = |done: u64| says.say(format!("{done} of {whole} discarded"));
        let notes = NoteWriter::open(context.connect(&self.service).await, note.clone());
        let options = context.options(note, stop, &progress);
        let letters = context.letters(&self.service);
        let discarded = letters.discard(&plan, &mut lines, &notes, &options).await;
        let noted = notes.close().await;
        let mut ended = match discarded {
            Ok(summary) => {
                let done = summary.removed;
                let says =
                    format!("{done} of {whole} were discarded. They are in {}.", file.display());
                let mut ended = ActionOutcome::new(standing(done, whole), says);
                if let Some(error) = &summary.error {
                    ended.say(&format!("The rest was not discarded: {error}."));
                }
                say_failures(&summary, &mut ended);
                self.forget(context, &summary, &mut ended).await;
                ended
            }
            Err(error) => ActionOutcome::failed(&error),
        };
        // Those that no binding took are in no database.
        if let Some(why) = noted.err().filter(|_| self.service != UNROUTED) {
            ended.say(&format!(
                "Who did it is in the journal and here, and not in the database of {}: {why}.",
                self.service
            ));
        }
        ended
    }

    pub(crate) async fn edit(
        &self,
        context: &ActionContext,
        note: Note,
        body: String,
        stop: Stop,
    ) -> ActionOutcome {
        let letters = context.letters(&self.service);
        let plan = match letters.plan(self.filter.clone(), None, Timestamp::UNIX_EPOCH).await {
            Ok(plan) => plan,
            Err(error) => return ActionOutcome::failed(&error),
        };
        if plan.unsendable() > 0 {
            return ActionOutcome::failed(
                "It was not changed: it is forged, and is not sent back whatever its body. Discard it.",
            );
        }
        let options = context.options(note, stop, &|_| {});
        match letters.edit(&plan, body.into(), &options).await {
            Ok(summary) if summary.removed > 0 => ActionOutcome::new(
                ActionState::Done,
                "It has a new body; the journal has the old one.",
            ),
            Ok(summary) => {
                let mut ended = ActionOutcome::failed(
                    "It was not changed: it was edited, sent back or discarded by somebody else meanwhile, \
                     or another program holds it.",
                );
                say_failures(&summary, &mut ended);
                ended
            }
            Err(error) => ActionOutcome::failed(&error),
        }
    }

    /// Messages that will not come again leave the list of stuck ones.
    async fn forget(&self, context: &ActionContext, summary: &Summary, ended: &mut ActionOutcome) {
        if summary.retired.is_empty() || self.service == UNROUTED {
            return;
        }
        let forget = async |db: &mut PgConnection| failures::forget(db, &summary.retired).await;
        if let Err(why) = context.in_database(&self.service, forget).await {
            ended.say(&format!("`ballet sagas stuck` may still list them: {why}."));
        }
    }
}

fn archive(context: &ActionContext, at: Timestamp) -> PathBuf {
    context.archive.join(format!("discarded-{}.jsonl", at.strftime("%Y%m%dT%H%M%S%3fZ")))
}

fn standing(done: u64, whole: u64) -> ActionState {
    match done {
        done if done >= whole => ActionState::Done,
        0 => ActionState::Failed,
        _ => ActionState::Partly,
    }
}

fn say_failures(summary: &Summary, ended: &mut ActionOutcome) {
    for (id, why) in &summary.failures {
        ended.say(&format!("{id} stays: {why}"));
    }
    if summary.stopped {
        ended.say("It was stopped before the end. Nothing is lost.");
    }
}
