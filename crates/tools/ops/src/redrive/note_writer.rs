//! Writes notes of discarded messages to the database of their service, so that an audit knows why a saga misses one.
//! The broker confirms a note in the journal before the message is removed.

use ballet_store::operators::interventions::{Act, TouchedMessage, insert};
use sqlx::{Connection, PgConnection};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinHandle;
use uuid::Uuid;

use crate::note::Note;
use crate::redrive::dead_letter::DeadLetter;

const PORTION: usize = 1_000;

/// Writes notes while the work goes on, so that few are missing if this process ends.
#[derive(Debug)]
pub struct NoteWriter {
    touched: UnboundedSender<TouchedMessage>,
    written: JoinHandle<Result<(), String>>,
}

impl NoteWriter {
    /// Begins to write notes. If the database could not be opened, [`close`](Self::close) returns the reason.
    #[must_use]
    pub fn open(opened: Result<PgConnection, String>, note: Note) -> Self {
        let (touched, notes) = unbounded_channel();
        let written = tokio::spawn(write(opened, note, notes));
        Self { touched, written }
    }

    pub(crate) fn add(&self, message: &DeadLetter) {
        // It fails only if nothing can be written, which `close` reports.
        self.touched.send(touched(message)).ok();
    }

    /// Waits for the last note.
    ///
    /// # Errors
    ///
    /// If notes are missing, with the reason. The acts have taken effect, and the journal has a note of each.
    pub async fn close(self) -> Result<(), String> {
        drop(self.touched);
        self.written.await.unwrap_or_else(|error| Err(error.to_string()))
    }
}

pub(crate) fn touched(message: &DeadLetter) -> TouchedMessage {
    // A message that begins a saga may not name it: its own id is the saga's.
    let saga = message.saga.as_deref().map_or(Ok(message.id.0), Uuid::try_parse);
    let event_type = message.event_type.clone();
    TouchedMessage { message_id: message.id.0, saga_id: saga.ok(), event_type }
}

async fn write(
    opened: Result<PgConnection, String>,
    note: Note,
    mut notes: UnboundedReceiver<TouchedMessage>,
) -> Result<(), String> {
    let Some(first) = notes.recv().await else { return Ok(()) };
    let mut portion = vec![first];
    let mut db = opened?;
    let text = |error: sqlx::Error| error.to_string();
    loop {
        while portion.len() < PORTION
            && let Ok(next) = notes.try_recv()
        {
            portion.push(next);
        }
        insert(&mut db, note.of(Act::Discarded), &portion).await.map_err(text)?;
        match notes.recv().await {
            Some(next) => portion = vec![next],
            None => break,
        }
    }
    db.close().await.map_err(text)
}
