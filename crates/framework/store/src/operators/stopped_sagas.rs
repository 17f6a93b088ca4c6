//! The table of sagas that a person has stopped before their deadlines.

use jiff::Timestamp;
use sqlx::PgConnection;
use uuid::Uuid;

/// A saga that a person has stopped before its deadline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoppedSaga {
    /// The saga's name.
    pub saga: String,
    /// The person that stopped it.
    pub by: String,
    /// Why.
    pub why: String,
    /// When.
    pub at: Timestamp,
}

/// The people that have stopped the sagas with this id.
pub async fn of_saga(db: &mut PgConnection, saga: Uuid) -> Result<Vec<StoppedSaga>, sqlx::Error> {
    let statement =
        "select saga, stopped_by, why, stopped_at from ballet.stopped where saga_id = $1";
    let rows: Vec<(String, String, String, jiff_sqlx::Timestamp)> =
        sqlx::query_as(statement).bind(saga).fetch_all(db).await?;
    let stopped = |(saga, by, why, at): (_, _, _, jiff_sqlx::Timestamp)| StoppedSaga {
        saga,
        by,
        why,
        at: at.to_jiff(),
    };
    Ok(rows.into_iter().map(stopped).collect())
}

/// Returns who has stopped a saga whose deadline is still there, and why.
pub async fn pending(
    db: &mut PgConnection,
    saga_id: Uuid,
    saga: &str,
) -> Result<Option<(String, String)>, sqlx::Error> {
    let due = "select stopped_by, why from ballet.stopped s \
               join ballet.deadline d on d.saga_id = s.saga_id and d.saga = s.saga \
               where s.saga_id = $1 and s.saga = $2";
    sqlx::query_as(due).bind(saga_id).bind(saga).fetch_optional(db).await
}

/// Notes who has stopped a saga. One whose deadline was put off since can be stopped again.
pub async fn insert(
    db: &mut PgConnection,
    saga_id: Uuid,
    saga: &str,
    by: &str,
    why: &str,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "insert into ballet.stopped (saga_id, saga, stopped_by, why, stopped_at) \
         values ($1, $2, $3, $4, ballet.now()) on conflict (saga_id, saga) do update \
         set stopped_by = excluded.stopped_by, why = excluded.why, stopped_at = excluded.stopped_at",
    )
    .bind(saga_id)
    .bind(saga)
    .bind(by)
    .bind(why)
    .execute(db)
    .await
    .map(drop)
}
