//! The result of a check.

use std::fmt;

#[derive(Debug)]
pub(crate) struct CheckFailure(pub(crate) String);

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

pub(crate) fn ensure(holds: bool, wrong: impl FnOnce() -> String) -> CheckResult {
    if holds { Ok(()) } else { Err(CheckFailure(wrong())) }
}
