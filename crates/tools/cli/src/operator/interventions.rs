//! Notes on the messages that a person discards, in the database of their service, where audits and `sagas show` read
//! them.

use ballet_ops::redrive::{self, DeadLetter, Note};

use crate::base::options::GlobalOptions;
use crate::base::ui;

/// Writes notes in the background.
pub(crate) struct NoteWriter {
    service: String,
    notes: redrive::NoteWriter,
}

impl NoteWriter {
    /// Opens the database of the service, if its URL is given.
    pub(crate) async fn open(service: &str, note: Note, options: &GlobalOptions) -> Self {
        let opened = options.connect(service).await.map_err(|error| format!("{error:#}"));
        let opened = opened.and_then(|db| db.ok_or_else(|| "set DATABASE_URL".to_owned()));
        Self { service: service.to_owned(), notes: redrive::NoteWriter::open(opened, note) }
    }

    /// Adds a note on a message.
    pub(crate) fn add(&self, message: &DeadLetter) {
        self.notes.add(message);
    }

    /// Waits for the last note. A note that could not be written is reported and no more: the message has been dealt
    /// with, and the journal says by whom.
    pub(crate) async fn close(self) {
        let Err(why) = self.notes.close().await else { return };
        ui::note(&format!(
            "who did it is in the journal (ballet tap), and not in the database of {}, so `sagas show` does not say \
             it: {why}",
            self.service
        ));
    }
}
