//! Notes on what a person does to single messages, in the database of their service, where `sagas show` reads them.

use ballet_ops::redrive::{self, DeadLetter, Note};
use ballet_store::operators::interventions::Act;

use crate::base::options::GlobalOptions;
use crate::base::ui;

/// Writes notes in the background.
pub(crate) struct NoteWriter {
    service: String,
    notes: redrive::NoteWriter,
}

impl NoteWriter {
    /// Opens the database of the service, if its URL is given.
    pub(crate) async fn open(service: &str, act: Act, note: Note, options: &GlobalOptions) -> Self {
        let opened = options.connect(service).await.map_err(|error| format!("{error:#}"));
        let opened = opened.and_then(|db| db.ok_or_else(|| "set DATABASE_URL".to_owned()));
        Self { service: service.to_owned(), notes: redrive::NoteWriter::open(opened, act, note) }
    }

    /// Adds a note on a message.
    pub(crate) fn add(&self, message: &DeadLetter) {
        self.notes.add(message);
    }

    /// Waits for the last note. A note that could not be written is reported and no more: the message has been dealt
    /// with, and the journal says by whom.
    pub(crate) async fn close(self) {
        let Err(why) = self.notes.close().await else { return };
        not_noted(&self.service, &why);
    }
}

/// Reports that notes are missing in the database of a service.
pub(crate) fn not_noted(service: &str, why: &str) {
    ui::note(&format!(
        "who did it is in the journal (ballet tap), and not in the database of {service}, so `sagas show` \
         does not say it: {why}"
    ));
}
