//! The result of a check.

use std::fmt;

/// The reason why a check failed, as text for people.
#[derive(Debug)]
pub(crate) struct CheckFailure(pub(crate) String);

/// A check's result.
pub(crate) type CheckResult<T = ()> = Result<T, CheckFailure>;

impl fmt::Display for CheckFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<E: std::error::Error> From<E> for CheckFailure {
    fn from(error: E) -> Self {
        let (mut words, mut cause) = (error.to_string(), error.source());
        while let Some(error) = cause {
            words = format!("{words}: {error}");
            cause = error.source();
        }
        Self(words)
    }
}

/// Fails unless a condition holds.
pub(crate) fn ensure(holds: bool, wrong: impl FnOnce() -> String) -> CheckResult {
    if holds { Ok(()) } else { Err(CheckFailure(wrong())) }
}
