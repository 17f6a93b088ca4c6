//! The states that a row of the ledger records, and the step that it is about.

use sqlx::Row as _;
use sqlx::postgres::PgRow;

/// The states that a ledger row records, in the order in which a step passes through them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Entry {
    /// One of a join's events has arrived.
    Arrived,
    /// The call of the step is open.
    Calling,
    /// The step took effect.
    Done,
    /// The step refused.
    Refused,
    /// The call of the compensation is open.
    Compensating,
    /// The step is undone.
    Compensated,
    /// The tombstone: the saga is aborted.
    Aborted,
}

impl Entry {
    pub(crate) const ALL: [Self; 7] = [
        Self::Arrived,
        Self::Calling,
        Self::Done,
        Self::Refused,
        Self::Compensating,
        Self::Compensated,
        Self::Aborted,
    ];

    /// Returns the text in the table.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Arrived => "arrived",
            Self::Calling => "calling",
            Self::Done => "done",
            Self::Refused => "refused",
            Self::Compensating => "undoing",
            Self::Compensated => "undone",
            Self::Aborted => "aborted",
        }
    }

    /// Reads a state as the table has it.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|entry| entry.as_str() == text)
    }

    pub(crate) fn of(row: &PgRow) -> Result<Self, sqlx::Error> {
        let text: &str = row.try_get("entry")?;
        Self::parse(text).ok_or_else(|| {
            sqlx::Error::Decode(format!("the ledger has an unknown entry {text:?}").into())
        })
    }
}

/// The key of steps that run once in a saga.
pub const NO_KEY: &str = "";

/// One repetition of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct StepKey<'a> {
    /// The step.
    pub step: &'a str,
    /// Its key.
    pub key: &'a str,
}

impl StepKey<'static> {
    /// The step and key of a saga's tombstone.
    pub const fn whole(saga: &'static str) -> Self {
        Self { step: "", key: saga }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::migrate::FRAMEWORK;

    #[test]
    fn the_table_allows_each_entry_and_no_other_word() {
        let allowed = FRAMEWORK.iter().rev().find_map(|migration| {
            Some(migration.sql.split_once("check (entry in (")?.1.split_once(')')?.0)
        });
        let allowed = allowed.expect("the words of the column");
        let allowed: Vec<_> = allowed.split(", ").map(|word| word.trim_matches('\'')).collect();
        assert_eq!(allowed, Entry::ALL.map(Entry::as_str));
    }
}
