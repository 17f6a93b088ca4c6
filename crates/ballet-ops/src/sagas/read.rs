//! Reads the framework's tables of one service, for its sagas.

use jiff::Timestamp;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::audit::ledger::Row;

/// A row of the ledger with what the saga's picture needs besides.
#[derive(Debug)]
pub(crate) struct Recorded {
    pub(crate) row: Row,
    pub(crate) body: Option<String>,
    /// The message that caused it.
    pub(crate) cause: Option<Uuid>,
}

/// The saga of each deadline, and when it passes.
pub(crate) async fn deadlines(
    db: &mut PgConnection,
) -> Result<Vec<(Uuid, Timestamp)>, sqlx::Error> {
    let rows: Vec<(Uuid, jiff_sqlx::Timestamp)> =
        sqlx::query_as("select saga_id, due_at from ballet.deadline").fetch_all(db).await?;
    Ok(rows.into_iter().map(|(saga, due_at)| (saga, due_at.to_jiff())).collect())
}

/// The ledger rows of one saga, in the order in which they were added.
pub(crate) async fn saga(db: &mut PgConnection, saga: Uuid) -> Result<Vec<Recorded>, sqlx::Error> {
    type Columns = (
        String,
        String,
        String,
        String,
        i32,
        Option<String>,
        jiff_sqlx::Timestamp,
        Option<String>,
        Option<Uuid>,
    );
    let statement = "
        select step, key, entry, arrived, ordinal, event_type, recorded_at, body, message_id
        from (select * from ballet.ledger where saga_id = $1 union all
            select * from ballet.ledger_other where saga_id = $1) as row order by ordinal";
    let rows: Vec<Columns> = sqlx::query_as(statement).bind(saga).fetch_all(db).await?;
    let recorded = |(step, key, entry, arrived, ordinal, event_type, at, body, cause): Columns| {
        let recorded_at = at.to_jiff();
        let row = Row { step, key, entry, arrived, ordinal, event_type, recorded_at };
        Recorded { row, body, cause }
    };
    Ok(rows.into_iter().map(recorded).collect())
}

/// A compensation that a person has done by hand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Solved {
    /// The service.
    pub service: String,
    /// The step.
    pub step: String,
    /// Its key, if it has one.
    pub key: String,
    /// Who says so.
    pub by: String,
    /// Why.
    pub why: String,
    /// When.
    pub at: Timestamp,
    /// What the service's compensation failed with last.
    pub last_error: Option<String>,
}

/// The compensations of a saga that a person has done by hand.
pub(crate) async fn solved(db: &mut PgConnection, saga: Uuid) -> Result<Vec<Solved>, sqlx::Error> {
    type Columns = (String, String, String, String, jiff_sqlx::Timestamp, Option<String>);
    let statement = "select step, key, solved_by, why, solved_at, last_error from ballet.solved \
                     where saga_id = $1 order by solved_at";
    let rows: Vec<Columns> = sqlx::query_as(statement).bind(saga).fetch_all(db).await?;
    let solved = |(step, key, by, why, at, last_error): Columns| {
        let (service, at) = (String::new(), at.to_jiff());
        Solved { service, step, key, by, why, at, last_error }
    };
    Ok(rows.into_iter().map(solved).collect())
}

/// A saga that a person has stopped before its deadline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stopped {
    /// The saga's name.
    pub saga: String,
    /// Who stopped it.
    pub by: String,
    /// Why.
    pub why: String,
    /// When.
    pub at: Timestamp,
}

/// Who has stopped the sagas with this id.
pub(crate) async fn stopped(
    db: &mut PgConnection,
    saga: Uuid,
) -> Result<Vec<Stopped>, sqlx::Error> {
    let statement =
        "select saga, stopped_by, why, stopped_at from ballet.stopped where saga_id = $1";
    let rows: Vec<(String, String, String, jiff_sqlx::Timestamp)> =
        sqlx::query_as(statement).bind(saga).fetch_all(db).await?;
    let stopped = |(saga, by, why, at): (_, _, _, jiff_sqlx::Timestamp)| Stopped {
        saga,
        by,
        why,
        at: at.to_jiff(),
    };
    Ok(rows.into_iter().map(stopped).collect())
}
