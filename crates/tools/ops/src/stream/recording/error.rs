//! The error of a recording.

use std::fmt::Display;
use std::path::Path;

/// Why a file cannot be read or written, or is no recording: the file, the line, the reason.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct RecordingError(String);

impl RecordingError {
    pub(crate) fn of(path: &Path, why: impl Display) -> Self {
        Self(format!("{}{why}", path.display()))
    }
}
