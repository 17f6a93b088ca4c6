//! Tells which published events a savepoint has taken back.
//!
//! Events wait in memory until their transaction commits, and a savepoint takes back only what the
//! database has. So a number is noted in a setting of the transaction, which a savepoint takes back
//! too: an event leaves only if the number that was noted with it is still there. Events with no
//! statement between them share a number.

use ballet_store::outbox::event::EmittedEvent;
use sqlx::PgConnection;

const NOTE: &str = "select set_config('ballet.published', concat_ws(',', \
                    nullif(current_setting('ballet.published', true), ''), $1::text), true)";
const READ: &str = "select current_setting('ballet.published', true)";

/// The numbers that are noted in a transaction.
#[derive(Debug, Default)]
pub(crate) struct Witness {
    /// The last number that was noted.
    last: u32,
    /// Whether a handler may have run statements since. They may have opened a savepoint, or taken
    /// one back.
    is_stale: bool,
}

impl Witness {
    /// A handler is given the connection.
    pub(crate) fn statements(&mut self) {
        self.is_stale = true;
    }

    /// Returns the number of an event that is published now, and drops what was taken back so far.
    /// Before the first statement of a handler there is no savepoint, and no number.
    pub(crate) async fn note(
        &mut self,
        db: &mut PgConnection,
        emitted: &mut Vec<EmittedEvent>,
    ) -> Result<Option<u32>, sqlx::Error> {
        if self.is_stale {
            self.last += 1;
            let note = sqlx::query_as(NOTE).bind(self.last.to_string());
            let (noted,): (String,) = note.fetch_one(db).await?;
            keep(&noted, emitted);
            self.is_stale = false;
        }
        Ok((self.last > 0).then_some(self.last))
    }

    /// Drops what was taken back after the last note.
    pub(crate) async fn check(
        &self,
        db: &mut PgConnection,
        emitted: &mut Vec<EmittedEvent>,
    ) -> Result<(), sqlx::Error> {
        if self.is_stale && emitted.iter().any(|event| event.noted.is_some()) {
            let (noted,): (Option<String>,) = sqlx::query_as(READ).fetch_one(db).await?;
            keep(noted.as_deref().unwrap_or_default(), emitted);
        }
        Ok(())
    }
}

/// Numbers are noted in ascending order, and a savepoint takes back the last ones.
fn keep(noted: &str, emitted: &mut Vec<EmittedEvent>) {
    let noted: Vec<u32> = noted.split(',').filter_map(|number| number.parse().ok()).collect();
    emitted.retain(|event| event.noted.is_none_or(|number| noted.binary_search(&number).is_ok()));
}
