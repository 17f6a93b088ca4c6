//! The table of compensations that a person has done by hand. The `ballet` command writes it. What is
//! read here are the sagas that go on after that, with the compensations of earlier steps.

use std::time::Duration;

use ballet_core::SagaId;
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

/// A saga in which a person has compensated a step, and earlier steps are left.
#[derive(Debug)]
pub struct Solved {
    pub saga_id: SagaId,
    /// The saga's name.
    pub saga: String,
    pub step: String,
    pub key: String,
    /// The id of the note about a failure.
    pub note_id: Uuid,
    pub attempts: u32,
}

/// Returns the next of these sagas that is due.
pub async fn next(
    db: &mut PgConnection,
    sagas: &[&'static str],
) -> Result<Option<Solved>, sqlx::Error> {
    type Columns = (Uuid, String, String, String, Uuid, i32);
    let due: Option<Columns> = sqlx::query_as(
        "select saga_id, saga, step, key, note_id, attempts from ballet.solved \
         where next_at <= ballet.now() and saga = any($1) order by next_at limit 1",
    )
    .bind(sagas)
    .fetch_optional(db)
    .await?;
    Ok(due.map(|(saga_id, saga, step, key, note_id, attempts)| Solved {
        saga_id: SagaId(saga_id),
        saga,
        step,
        key,
        note_id,
        attempts: u32::try_from(attempts).unwrap_or_default(),
    }))
}

/// Takes it. Returns false if another process has taken it before.
pub async fn take(db: &mut PgConnection, solved: &Solved) -> Result<bool, sqlx::Error> {
    let take = "update ballet.solved set next_at = null \
                where saga_id = $1 and step = $2 and key = $3 and next_at is not null";
    let taken = sqlx::query(take).bind(solved.saga_id.0).bind(&solved.step).bind(&solved.key);
    Ok(taken.execute(db).await?.rows_affected() > 0)
}

/// Tries it again later.
pub async fn put_off(pool: &PgPool, solved: &Solved, pause: Duration) -> Result<(), sqlx::Error> {
    sqlx::query(
        "update ballet.solved set attempts = attempts + 1, \
             next_at = ballet.now() + make_interval(secs => $4) \
         where saga_id = $1 and step = $2 and key = $3 and next_at is not null",
    )
    .bind(solved.saga_id.0)
    .bind(&solved.step)
    .bind(&solved.key)
    .bind(pause.as_secs_f64())
    .execute(pool)
    .await
    .map(drop)
}
