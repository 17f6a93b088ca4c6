//! The table of the state of each copy: whether it was filled, and when its entities were requested.

use sqlx::PgConnection;

/// Records the copies that this service keeps.
pub async fn register(db: &mut PgConnection, entity: &str, owner: &str) -> Result<(), sqlx::Error> {
    sqlx::query(
        "insert into ballet.copy_fill as f (entity, owner) values ($1, $2) \
         on conflict (entity) do update set owner = excluded.owner where f.owner <> excluded.owner",
    )
    .bind(entity)
    .bind(owner)
    .execute(db)
    .await
    .map(drop)
}

/// Takes the turn to ask for a copy that was never filled, and again if nothing has come for some
/// minutes. One replica at a time has the turn. A time in the future does not count, since the
/// clock was ahead when it was written.
pub async fn take_turn_to_ask(db: &mut PgConnection, entity: &str) -> Result<bool, sqlx::Error> {
    let taken = sqlx::query(
        "update ballet.copy_fill set requested_at = ballet.now() \
         where entity = $1 and filled_run is null and (requested_at is null or not exists ( \
             select from (values (requested_at), (page_at)) as last (at) \
             where at between ballet.now() - interval '5 minutes' and ballet.now()))",
    )
    .bind(entity)
    .execute(db)
    .await?;
    Ok(taken.rows_affected() > 0)
}

/// Makes all copies of this service as new ones: empty, and never asked for.
pub async fn forget_all(db: &mut PgConnection) -> Result<(), sqlx::Error> {
    sqlx::query(
        "with gone as (delete from ballet.copy) update ballet.copy_fill set \
         run = null, seen = 0, pages = null, filled_run = null, requested_at = null",
    )
    .execute(db)
    .await
    .map(drop)
}

/// Whether all copies of this service were asked for by itself, and whether they are filled.
pub async fn are_asked_and_filled(db: &mut PgConnection) -> Result<(bool, bool), sqlx::Error> {
    let all = "select coalesce(bool_and(requested_at is not null), true), \
               coalesce(bool_and(filled_run is not null), true) from ballet.copy_fill";
    sqlx::query_as(all).fetch_one(db).await
}

/// Whether a copy was filled. One that is not kept was not.
pub async fn is_filled(db: &mut PgConnection, entity: &str) -> Result<bool, sqlx::Error> {
    let filled = "select filled_run is not null from ballet.copy_fill where entity = $1";
    let filled: Option<bool> = sqlx::query_scalar(filled).bind(entity).fetch_optional(db).await?;
    Ok(filled.unwrap_or(false))
}

/// How far a copy is filled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fill {
    pub entity: String,
    pub owner: String,
    pub is_filled: bool,
    /// The pages that came of the newest run, and their number, if that is known.
    pub seen: i64,
    pub pages: Option<i64>,
}

/// Returns how far these copies are filled.
pub async fn all(db: &mut PgConnection, entities: &[&str]) -> Result<Vec<Fill>, sqlx::Error> {
    let rows: Vec<(String, String, bool, i64, Option<i64>)> = sqlx::query_as(
        "select entity, owner, filled_run is not null, seen, pages \
         from ballet.copy_fill where entity = any($1) order by entity",
    )
    .bind(entities)
    .fetch_all(db)
    .await?;
    let fill =
        |(entity, owner, is_filled, seen, pages)| Fill { entity, owner, is_filled, seen, pages };
    Ok(rows.into_iter().map(fill).collect())
}
