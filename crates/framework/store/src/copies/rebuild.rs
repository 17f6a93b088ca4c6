//! Fills a copy again: asks the owner to publish all entities, and follows the run.

use sqlx::PgConnection;
use uuid::Uuid;

/// A request for all entities of a name.
#[derive(Debug, Clone)]
pub struct Rebuild {
    entity: String,
    /// The run that begins with this number of requests, or a later one, serves it.
    ticket: i64,
    run: Option<Uuid>,
}

/// How far a rebuild is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RebuildProgress {
    /// Whether the owner has begun.
    pub has_begun: bool,
    /// The entities that the owner has published so far.
    pub published: i64,
    /// The pages that the owner has published, and those of them that the copy has.
    pub pages: i64,
    /// The pages that the copy has.
    pub seen: i64,
    /// Whether the copy has all entities.
    pub is_done: bool,
    /// Why the owner cannot go on, if its last attempt failed, or which entity it has left out.
    pub failure: Option<String>,
}

impl Rebuild {
    /// Empties the reader's copy, after the owner's data were set back, or the owner forgot
    /// entities, since the copy keeps what is newer and what nobody reports. Earlier events no
    /// longer count, however late they come, since their versions may be higher than those of the
    /// owner now.
    pub async fn empty(reader: &mut PgConnection, entity: &str) -> Result<(), sqlx::Error> {
        // One statement, since without its rows the copy counts as not filled. The service asks by
        // itself if nothing comes for some minutes.
        sqlx::query(
            "with gone as (delete from ballet.copy where entity = $1) \
             update ballet.copy_fill set run = null, seen = 0, pages = null, filled_run = null, \
                 filled_at = null, requested_at = ballet.now(), \
                 emptied_at = ballet.now() where entity = $1",
        )
        .bind(entity)
        .execute(reader)
        .await
        .map(drop)
    }

    /// Asks the owner to publish all entities, also those that were set aside. Returns `None` if it does
    /// not share them.
    pub async fn request(
        owner: &mut PgConnection,
        entity: &str,
    ) -> Result<Option<Self>, sqlx::Error> {
        let ticket: Option<(i64,)> = sqlx::query_as(
            "update ballet.republication set requested = requested + 1, \
             next_at = least(next_at, ballet.now()) where entity = $1 returning requested",
        )
        .bind(entity)
        .fetch_optional(owner)
        .await?;
        Ok(ticket.map(|(ticket,)| Self { entity: entity.to_owned(), ticket, run: None }))
    }

    /// Returns how far the run is.
    pub async fn progress(
        &mut self,
        reader: &mut PgConnection,
        owner: &mut PgConnection,
    ) -> Result<RebuildProgress, sqlx::Error> {
        let (begun, run, pages, published, failure): (i64, Option<Uuid>, i64, i64, Option<String>) =
            sqlx::query_as(
                "select begun, run, pages, entities, coalesce(failure, case when begun >= $2 then left_out end) from ballet.republication \
             where entity = $1",
            )
            .bind(&self.entity)
            .bind(self.ticket)
            .fetch_one(owner)
            .await?;
        if begun >= self.ticket {
            // A later run serves as well.
            self.run = self.run.or(run);
        }
        let fill: Option<(Option<Uuid>, Option<Uuid>, i64)> =
            sqlx::query_as("select run, filled_run, seen from ballet.copy_fill where entity = $1")
                .bind(&self.entity)
                .fetch_optional(reader)
                .await?;
        let (at, filled, seen) = fill.unwrap_or_default();
        let has_begun = self.run.is_some();
        Ok(RebuildProgress {
            has_begun,
            published: if has_begun { published } else { 0 },
            pages: if has_begun { pages } else { 0 },
            seen: if has_begun && at >= self.run { seen } else { 0 },
            is_done: self.run.is_some_and(|run| filled.is_some_and(|filled| filled >= run)),
            failure,
        })
    }
}
