//! The notes of what a person does to single messages, in the database of their service. The journal has a
//! note of each as well, which the broker confirms before the message goes; `sagas show` reads these.

use anyhow::{Context as _, Result};
use ballet_ops::redrive::{DeadLetter, Note};
use ballet_store::operators::interventions::{Act, Touched, insert};
use sqlx::{Connection, PgConnection};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinHandle;
use uuid::Uuid;

use crate::options::GlobalOptions;
use crate::ui;

/// The notes that one statement writes.
const PORTION: usize = 1_000;

/// Writes notes while the work goes on, so that an end of this process leaves out few.
pub(crate) struct Notes {
    service: String,
    touched: UnboundedSender<Touched>,
    written: JoinHandle<Result<()>>,
}

impl Notes {
    /// Opens the database of the service, if its URL is given.
    pub(crate) async fn open(service: &str, act: Act, note: Note, options: &GlobalOptions) -> Self {
        let (touched, notes) = unbounded_channel();
        let opened = options.connect(service).await;
        let written = tokio::spawn(write(opened, act, note, notes));
        Self { service: service.to_owned(), touched, written }
    }

    /// Notes a message.
    pub(crate) fn add(&self, message: &DeadLetter) {
        // A message that begins a saga may not name it: it has the saga's id.
        let saga = message.saga.as_deref().map_or(Ok(message.id.0), Uuid::try_parse);
        let event_type = message.event_type.clone();
        let touched = Touched { message_id: message.id.0, saga_id: saga.ok(), event_type };
        // It fails only if nothing can be written, which is told at the end.
        self.touched.send(touched).ok();
    }

    /// Waits for the last note. What could not be written is said, and nothing else is done for it: the
    /// messages have been dealt with, and the journal says by whom.
    pub(crate) async fn close(self) {
        drop(self.touched);
        let Err(why) = self.written.await.unwrap_or_else(|error| Err(error.into())) else { return };
        ui::say(&format!(
            "{} who did it is in the journal (ballet tap), and not in the database of {}, so `sagas show` \
             does not say it: {why:#}",
            ui::bad("note:"),
            self.service
        ));
    }
}

async fn write(
    opened: Result<Option<PgConnection>>,
    act: Act,
    note: Note,
    mut notes: UnboundedReceiver<Touched>,
) -> Result<()> {
    let Some(first) = notes.recv().await else { return Ok(()) };
    let mut portion = vec![first];
    let mut db = opened?.context("set DATABASE_URL")?;
    loop {
        while portion.len() < PORTION
            && let Ok(next) = notes.try_recv()
        {
            portion.push(next);
        }
        insert(&mut db, note.of(act), &portion).await?;
        match notes.recv().await {
            Some(next) => portion = vec![next],
            None => break,
        }
    }
    Ok(db.close().await?)
}
