//! The table of runs in which an owner publishes its entities again.
//!
//! The position of a run commits with the events of its pages, so a run goes on after its process
//! died, and each page is published once.

use std::time::Duration;

use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use crate::database::stored_text::storable;

/// Records an entity that this service shares.
pub async fn register(db: &mut PgConnection, entity: &str, view: &str) -> Result<(), sqlx::Error> {
    sqlx::query(
        "insert into ballet.republication as r (entity, source) values ($1, $2) \
         on conflict (entity) do update set source = excluded.source \
         where r.source <> excluded.source",
    )
    .bind(entity)
    .bind(view)
    .execute(db)
    .await
    .map(drop)
}

/// Asks for a run. One that has not begun yet serves all who ask.
pub async fn request(db: &mut PgConnection, entity: &str) -> Result<(), sqlx::Error> {
    sqlx::query("update ballet.republication set requested = requested + 1 where entity = $1")
        .bind(entity)
        .execute(db)
        .await
        .map(drop)
}

/// Returns the time until the next page of these entities is due, or `None` if nobody asks for one.
pub async fn next(
    db: &mut PgConnection,
    entities: &[&str],
) -> Result<Option<(String, Duration)>, sqlx::Error> {
    let next = "select entity, case when next_at <= ballet.now() then 0 \
             else ceil(extract(epoch from next_at - ballet.now()) * 1000)::bigint end as wait \
         from ballet.republication where entity = any($1) and done < requested order by wait limit 1";
    let next = sqlx::query_as(next).bind(entities);
    let next: Option<(String, i64)> = next.fetch_optional(db).await?;
    let wait = |millis| Duration::from_millis(u64::try_from(millis).unwrap_or_default());
    Ok(next.map(|(entity, millis)| (entity, wait(millis))))
}

/// A run, locked for its next page.
#[derive(Debug, Clone)]
pub struct RepublicationRun {
    pub entity: String,
    pub requested: i64,
    pub begun: i64,
    pub done: i64,
    pub run: Option<Uuid>,
    pub position: Option<String>,
    pub pages: i64,
    pub entities: i64,
    /// The first entity that it left out, and why.
    pub left_out: Option<String>,
}

/// Takes the entity's run for its next page, unless another replica has it or it is not due.
pub async fn take(
    db: &mut PgConnection,
    entity: &str,
) -> Result<Option<RepublicationRun>, sqlx::Error> {
    type Columns = (i64, i64, i64, Option<Uuid>, Option<String>, i64, i64, Option<String>);
    let take = "select requested, begun, done, run, position, pages, entities, left_out \
         from ballet.republication where entity = $1 and done < requested and next_at <= ballet.now() \
         for update skip locked";
    let row: Option<Columns> = sqlx::query_as(take).bind(entity).fetch_optional(db).await?;
    Ok(row.map(|(requested, begun, done, run, position, pages, entities, left_out)| {
        let entity = entity.to_owned();
        RepublicationRun {
            entity,
            requested,
            begun,
            done,
            run,
            position,
            pages,
            entities,
            left_out,
        }
    }))
}

/// Records what a run has published. The next page is due after a pause.
pub async fn advance(
    db: &mut PgConnection,
    run: &RepublicationRun,
    pause: Duration,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "update ballet.republication set begun = $2, done = $3, run = $4, position = $5, \
             pages = $6, entities = $7, left_out = $9, failure = null, \
             next_at = ballet.now() + $8 * interval '1 second' where entity = $1",
    )
    .bind(&run.entity)
    .bind(run.begun)
    .bind(run.done)
    .bind(run.run)
    .bind(&run.position)
    .bind(run.pages)
    .bind(run.entities)
    .bind(pause.as_secs_f64())
    .bind(run.left_out.as_deref().map(storable))
    .execute(db)
    .await
    .map(drop)
}

/// Records why a page could not be published. It is tried again after a pause. A run without a
/// published page begins at the first entity again, since what it left out may be repaired by then.
pub async fn failed(
    pool: &PgPool,
    entity: &str,
    why: &str,
    pause: Duration,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "update ballet.republication set failure = $2, \
             next_at = ballet.now() + $3 * interval '1 second', \
             position = case when pages > 0 then position end, \
             entities = case when pages > 0 then entities else 0 end, \
             left_out = case when pages > 0 then left_out end where entity = $1",
    )
    .bind(entity)
    .bind(storable(why))
    .bind(pause.as_secs_f64())
    .execute(pool)
    .await
    .map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::migrated_database::migrated;

    /// A row of the service may hold such a character, and its decoder may say so.
    #[tokio::test]
    async fn a_reason_with_a_zero_character_holds_up_no_run() {
        let (database, mut db) = migrated("zero_reason").await;
        register(&mut db, "lamp", "lamps").await.expect("registered");
        request(&mut db, "lamp").await.expect("asked for");
        let taken = take(&mut db, "lamp").await.expect("an answer").expect("a run");
        let why = "unknown variant `on\0off`";
        let run = RepublicationRun { begun: 1, left_out: Some(why.to_owned()), ..taken };
        advance(&mut db, &run, Duration::ZERO).await.expect("advanced");
        let pool = PgPool::connect(database.url()).await.expect("sessions");
        failed(&pool, "lamp", why, Duration::ZERO).await.expect("noted");
        let noted: String = sqlx::query_scalar("select failure from ballet.republication")
            .fetch_one(&mut db)
            .await
            .expect("a row");
        assert_eq!(noted, "unknown variant `on off`");
    }
}
