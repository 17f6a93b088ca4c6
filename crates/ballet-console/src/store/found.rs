//! Sagas as the lists show them, and the word for how each stands.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sqlx::postgres::PgRow;
use sqlx::{FromRow, Row as _};
use uuid::Uuid;

/// How a saga stands. docs/console.md defines the words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum State {
    /// A person has to act.
    Stuck,
    /// A cause is known that ends by itself, or that somebody else ends.
    Blocked,
    /// Something is due and on time.
    Waiting,
    /// It has ended as it should.
    Completed,
    /// It has ended, and is undone.
    Aborted,
}

impl State {
    pub(crate) const ALL: [Self; 5] =
        [Self::Stuck, Self::Blocked, Self::Waiting, Self::Completed, Self::Aborted];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Stuck => "stuck",
            Self::Blocked => "blocked",
            Self::Waiting => "waiting",
            Self::Completed => "completed",
            Self::Aborted => "aborted",
        }
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }

    pub(crate) const fn is_open(self) -> bool {
        matches!(self, Self::Stuck | Self::Blocked | Self::Waiting)
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The word for a row of `console.saga`, where `$1` are the places where something hinders (`service`, or `service/step`). A dead letter
/// waits for a person even if its service is away.
pub(crate) const STATE: &str = "case when ended is not null then ended when is_dead then 'stuck' \
    when service = any($1) or service || '/' || step = any($1) then 'blocked' when due < now() then 'stuck' else 'waiting' end";

/// A saga of a list.
#[derive(Debug, Clone)]
pub(crate) struct Found {
    pub(crate) id: Uuid,
    pub(crate) names: Vec<String>,
    pub(crate) state: State,
    pub(crate) began: Timestamp,
    pub(crate) last_at: Timestamp,
    pub(crate) last_type: String,
    pub(crate) service: Option<String>,
    pub(crate) step: Option<String>,
    pub(crate) what: Option<String>,
    pub(crate) since: Option<Timestamp>,
    pub(crate) detail: Option<String>,
}

impl FromRow<'_, PgRow> for Found {
    fn from_row(row: &PgRow) -> Result<Self, sqlx::Error> {
        let time = |name: &str| {
            row.try_get::<jiff_sqlx::Timestamp, _>(name).map(jiff_sqlx::Timestamp::to_jiff)
        };
        let since: Option<jiff_sqlx::Timestamp> = row.try_get("since")?;
        Ok(Self {
            id: row.try_get("id")?,
            names: row.try_get("names")?,
            state: State::parse(row.try_get("state")?).unwrap_or(State::Waiting),
            began: time("began")?,
            last_at: time("last_at")?,
            last_type: row.try_get("last_type")?,
            service: row.try_get("service")?,
            step: row.try_get("step")?,
            what: row.try_get("what")?,
            since: since.map(jiff_sqlx::Timestamp::to_jiff),
            detail: row.try_get("detail")?,
        })
    }
}
