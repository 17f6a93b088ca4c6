//! What a check found to be wrong.

use std::fmt;

/// What a check found to be wrong, in words.
#[derive(Debug)]
pub(super) struct Wrong(pub(super) String);

/// The end of a check.
pub(super) type Checked<T = ()> = Result<T, Wrong>;

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<E: std::error::Error> From<E> for Wrong {
    fn from(error: E) -> Self {
        let (mut words, mut cause) = (error.to_string(), error.source());
        while let Some(error) = cause {
            words = format!("{words}: {error}");
            cause = error.source();
        }
        Self(words)
    }
}

/// A check's condition.
pub(super) fn ensure(holds: bool, wrong: impl FnOnce() -> String) -> Checked {
    if holds { Ok(()) } else { Err(Wrong(wrong())) }
}
