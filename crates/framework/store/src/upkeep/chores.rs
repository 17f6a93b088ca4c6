//! Chores that do not depend on each other, so that one that fails does not keep the next from
//! being done.

/// The chores of one round, and what became of them.
#[derive(Debug, Default)]
pub struct Chores {
    failed: Vec<String>,
}

impl Chores {
    /// Notes how a chore went, and returns its result.
    ///
    /// # Errors
    ///
    /// The connection does not work, so no other chore can be done on it.
    pub fn took<T>(
        &mut self,
        chore: &str,
        result: Result<T, sqlx::Error>,
    ) -> Result<Option<T>, sqlx::Error> {
        match result {
            Ok(result) => Ok(Some(result)),
            Err(error @ sqlx::Error::Database(_)) => {
                self.failed.push(format!("{chore}: {error}"));
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Says which chores failed, if any.
    pub fn failed(&self) -> Option<String> {
        (!self.failed.is_empty()).then(|| self.failed.join("; "))
    }
}
