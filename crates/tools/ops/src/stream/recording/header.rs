//! The first line of a recording.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::stream::start::Start;

const FORMAT: &str = "ballet recording";
/// A reader accepts no later version.
const VERSION: u32 = 1;

/// The first line of a recording: its format and origin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordingHeader {
    format: String,
    version: u32,
    /// The virtual host, which is named after the system.
    pub system: String,
    /// The broker's address.
    pub broker: String,
    /// The time at which the recording was begun.
    pub begun: Timestamp,
    /// Its start in the journal.
    pub from: Start,
}

impl RecordingHeader {
    /// Creates the header of a recording that begins now.
    #[must_use]
    pub fn new(
        system: impl Into<String>,
        broker: impl Into<String>,
        begun: Timestamp,
        from: Start,
    ) -> Self {
        let (system, broker) = (system.into(), broker.into());
        Self { format: FORMAT.to_owned(), version: VERSION, system, broker, begun, from }
    }

    /// Returns why this version cannot read the recording.
    pub(crate) fn problem(&self) -> Option<String> {
        if self.format != FORMAT {
            return Some(format!("its format is `{}`", self.format));
        }
        let later = self.version > VERSION;
        later.then(|| format!("its version is {}, and this ballet reads {VERSION}", self.version))
    }
}
