//! Dead letters: sent back, discarded, edited.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ballet_core::envelope::Limits;
use ballet_ops::redrive::{
    ArchiveFile, DeadLetter, DeadLetterFilter, DeadLetterPlan, DeadLetters, Note, NoteWriter,
    OutcomeWatch, RedriveError, RedriveOptions, SendBackResult, Stop, Summary, send_back,
};
use ballet_store::inbox::stuck;
use ballet_store::operators::interventions::Act;
use jiff::Timestamp;
use sqlx::Connection as _;

use crate::actions::means::Means;
use crate::actions::running::{Ended, Says};
use crate::store::actions::Standing;

/// How long the next outcome of what was sent is waited for.
const PATIENCE: Duration = Duration::from_secs(30);

/// How dead letters are sent back.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sending {
    /// One of each group first; the others only if that one was handled.
    pub(crate) has_canary: bool,
    /// The most in a second.
    pub(crate) rate: Option<u32>,
    /// Those, too, of which nothing shows any more whether they were handled.
    pub(crate) beyond_memory: bool,
}

/// The dead letters of a service that are meant.
#[derive(Debug, Clone)]
pub(crate) struct Chosen {
    pub(crate) service: String,
    pub(crate) filter: DeadLetterFilter,
}

impl Chosen {
    fn letters(&self, means: &Means) -> DeadLetters {
        DeadLetters::on(Arc::clone(&means.broker), &self.service)
    }

    /// What would be done: nothing is changed.
    pub(crate) async fn plan(&self, means: &Means) -> Result<DeadLetterPlan, RedriveError> {
        let floor = means.clock.now() - Limits::default().inbox_window;
        let part = means.part(&self.service).cloned();
        self.letters(means).plan(self.filter.clone(), part, floor).await
    }

    /// Sends them back, and waits for what becomes of them.
    pub(crate) async fn redrive(
        &self,
        means: &Means,
        note: Note,
        sending: Sending,
        stop: Stop,
        says: &Says,
    ) -> Ended {
        let notes = self.notes(means, Act::Redriven, &note).await;
        let sent = self.send(means, note, sending, stop, says, &notes).await;
        let noted = notes.close().await;
        let mut ended = match sent {
            Ok((whole, sent)) => {
                let mut ended = sent_back(whole, &sent);
                self.forget(means, &sent.summary, &mut ended).await;
                ended
            }
            Err(error) => Ended::failed(&error),
        };
        self.say_unnoted(noted, &mut ended);
        ended
    }

    async fn send(
        &self,
        means: &Means,
        note: Note,
        sending: Sending,
        stop: Stop,
        says: &Says,
        notes: &NoteWriter,
    ) -> Result<(u64, SendBackResult), RedriveError> {
        let mut plan = self.plan(means).await?;
        let whole = plan.dead_letters() - plan.forged();
        let progress = |done: u64| says.say(format!("{done} of {whole} sent"));
        let known = |of: u64| {
            says.say(format!("all are sent; what became of {of} of them is known"));
        };
        let each = |sent: &DeadLetter| notes.add(sent);
        let Sending { has_canary, rate, beyond_memory } = sending;
        let options = means.options(note, stop, &progress, &each);
        let options = RedriveOptions { rate, beyond_memory, ..options };
        if has_canary {
            says.say("one of each group is sent first".to_owned());
        }
        let inbox = || async { means.connect(&self.service).await.ok() };
        let inboxes = [inbox().await, inbox().await];
        let letters = self.letters(means);
        let watching = OutcomeWatch { inboxes, patience: PATIENCE, known: &known };
        let sent = send_back(&letters, &mut plan, has_canary, &options, watching).await?;
        Ok((whole, sent))
    }

    /// Writes those of the plan to a file and removes them.
    pub(crate) async fn discard(
        &self,
        means: &Means,
        plan: DeadLetterPlan,
        note: Note,
        stop: Stop,
        says: &Says,
    ) -> Ended {
        let file = archive(means, note.at);
        let mut lines = match ArchiveFile::open(&file) {
            Ok(lines) => lines,
            Err(error) => {
                let file = file.display();
                return Ended::failed(&format!(
                    "Nothing was discarded: {file} cannot be written: {error}"
                ));
            }
        };
        let whole = plan.dead_letters();
        let progress = |done: u64| says.say(format!("{done} of {whole} discarded"));
        let notes = self.notes(means, Act::Discarded, &note).await;
        let each = |gone: &DeadLetter| notes.add(gone);
        let options = means.options(note, stop, &progress, &each);
        let discarded = self.letters(means).discard(&plan, &mut lines, &options).await;
        let noted = notes.close().await;
        let mut ended = match discarded {
            Ok(summary) => {
                let done = summary.removed;
                let says =
                    format!("{done} of {whole} were discarded. They are in {}.", file.display());
                let mut ended = Ended::new(standing(done, whole), says);
                say_failures(&summary, &mut ended);
                self.forget(means, &summary, &mut ended).await;
                ended
            }
            Err(error) => Ended::failed(&error),
        };
        self.say_unnoted(noted, &mut ended);
        ended
    }

    /// Gives the one that is meant another body.
    pub(crate) async fn edit(&self, means: &Means, note: Note, body: String, stop: Stop) -> Ended {
        let letters = self.letters(means);
        let plan = match letters.plan(self.filter.clone(), None, Timestamp::UNIX_EPOCH).await {
            Ok(plan) => plan,
            Err(error) => return Ended::failed(&error),
        };
        if plan.forged() > 0 {
            return Ended::failed(
                "It was not changed: it is forged, and is not sent back whatever its body. Discard it.",
            );
        }
        let notes = self.notes(means, Act::Edited, &note).await;
        let each = |edited: &DeadLetter| notes.add(edited);
        let options = means.options(note, stop, &|_| {}, &each);
        let edited = letters.edit(&plan, body.into(), &options).await;
        let noted = notes.close().await;
        let mut ended = match edited {
            Ok(summary) if summary.removed > 0 => {
                Ended::new(Standing::Done, "It has a new body; the journal has the old one.")
            }
            Ok(summary) => {
                let mut ended = Ended::failed(
                    "It was not changed: it was edited, sent back or discarded by somebody else meanwhile, \
                     or another program holds it.",
                );
                say_failures(&summary, &mut ended);
                ended
            }
            Err(error) => Ended::failed(&error),
        };
        self.say_unnoted(noted, &mut ended);
        ended
    }

    async fn notes(&self, means: &Means, act: Act, note: &Note) -> NoteWriter {
        NoteWriter::open(means.connect(&self.service).await, act, note.clone())
    }

    fn say_unnoted(&self, noted: Result<(), String>, ended: &mut Ended) {
        if let Err(why) = noted {
            let service = &self.service;
            ended.say(&format!(
                "Who did it is in the journal and here, and not in the database of {service}: {why}."
            ));
        }
    }

    /// Removes messages that will not come again from the list of what is stuck.
    async fn forget(&self, means: &Means, summary: &Summary, ended: &mut Ended) {
        if summary.retired.is_empty() {
            return;
        }
        let forgotten = async {
            let mut db = means.connect(&self.service).await?;
            let text = |error: sqlx::Error| error.to_string();
            stuck::forget(&mut db, &summary.retired).await.map_err(text)?;
            db.close().await.map_err(text)
        };
        if let Err(why) = forgotten.await {
            ended.say(&format!("`ballet sagas stuck` may still list them: {why}."));
        }
    }
}

fn archive(means: &Means, at: Timestamp) -> PathBuf {
    means.archive.join(format!("discarded-{}.jsonl", at.strftime("%Y%m%dT%H%M%S%3fZ")))
}

fn standing(done: u64, whole: u64) -> Standing {
    match done {
        done if done >= whole => Standing::Done,
        0 => Standing::Failed,
        _ => Standing::Partly,
    }
}

fn say_failures(summary: &Summary, ended: &mut Ended) {
    for (id, why) in &summary.failures {
        ended.say(&format!("{id} stays: {why}"));
    }
    if summary.stopped {
        ended.say("It was stopped before the end. Nothing is lost.");
    }
}

fn sent_back(whole: u64, sent_back: &SendBackResult) -> Ended {
    let SendBackResult { summary, outcomes, error, .. } = sent_back;
    let sent = summary.removed;
    let standing = match () {
        () if sent == 0 || outcomes.dead() == sent => Standing::Failed,
        () if sent < whole || outcomes.handled < sent => Standing::Partly,
        () => Standing::Done,
    };
    let says = format!("{sent} of {whole} were sent back: {outcomes}.");
    let mut ended = Ended::new(standing, says);
    outcomes.deaths().for_each(|death| ended.say(&death));
    if let Some(error) = error {
        ended.say(&format!("The rest was not sent: {error}."));
    } else if sent < whole && !summary.stopped {
        ended.say(&format!(
            "{} were not sent: the first of their group was not handled, or nothing shows any more whether they were \
             handled before.",
            whole - sent
        ));
    }
    say_failures(summary, &mut ended);
    ended
}
