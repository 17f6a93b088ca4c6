//! The rows of titles.

use ballet::{Failure, Rows};
use common::paging::Limit;
use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use sqlx::types::Json;
use sqlx::{PgConnection, PgExecutor};
use streaming_events::titles::Title;
use streaming_events::{Slug, TitleId};

use crate::new_title::NewTitle;
use crate::title::StoredTitle;

/// Licences of a title and its withdrawal come one after the other.
pub(crate) fn rows(titles: impl IntoIterator<Item = TitleId>) -> Rows {
    Rows::of("title", titles.into_iter().map(|title| title.to_string()))
}

pub(crate) async fn publish(
    db: &mut PgConnection,
    title_id: TitleId,
    draft: &NewTitle,
    now: Timestamp,
) -> Result<Title, Failure> {
    let StoredTitle { title, withdrawn: _ } = sqlx::query_as(
        "insert into title
             (title_id, version, name, description, genre, min_age, length_seconds, rights,
              published_at, changed_at)
         values ($1, 1, $2, $3, $4, $5, $6, $7, $8, $8)
         returning *",
    )
    .bind(title_id.0)
    .bind(&draft.name)
    .bind(&draft.description)
    .bind(draft.genre.as_str())
    .bind(i16::from(draft.min_age))
    .bind(i32::try_from(draft.length_seconds)?)
    .bind(Json(&draft.rights))
    .bind(now.to_sqlx())
    .fetch_one(db)
    .await?;
    Ok(title)
}

pub(crate) async fn withdraw(
    db: &mut PgConnection,
    title_id: TitleId,
    now: Timestamp,
) -> Result<Title, Failure> {
    let stored: StoredTitle = sqlx::query_as(
        "update title set version = version + 1, changed_at = $2, withdrawn_at = $2
         where title_id = $1 returning *",
    )
    .bind(title_id.0)
    .bind(now.to_sqlx())
    .fetch_one(db)
    .await?;
    Ok(stored.title)
}

/// Returns also a withdrawn title.
pub(crate) async fn find(
    db: impl PgExecutor<'_>,
    title_id: TitleId,
) -> Result<Option<StoredTitle>, Failure> {
    let title = sqlx::query_as("select * from title where title_id = $1");
    Ok(title.bind(title_id.0).fetch_optional(db).await?)
}

/// Like [`find`]. Another withdrawal waits until this transaction ends.
pub(crate) async fn find_to_withdraw(
    db: &mut PgConnection,
    title_id: TitleId,
) -> Result<Option<StoredTitle>, Failure> {
    let title = sqlx::query_as("select * from title where title_id = $1 for no key update");
    Ok(title.bind(title_id.0).fetch_optional(db).await?)
}

/// Returns those that can be watched somewhere, in the order of their ids.
pub(crate) async fn page(
    db: impl PgExecutor<'_>,
    genre: Option<&Slug>,
    after: Option<TitleId>,
    limit: Limit,
) -> Result<Vec<Title>, Failure> {
    let titles: Vec<StoredTitle> = sqlx::query_as(
        "select * from title
         where withdrawn_at is null and ($3::text is null or genre = $3)
             and title_id > coalesce($1, '00000000-0000-0000-0000-000000000000')
         order by title_id limit $2",
    )
    .bind(after.map(|title| title.0))
    .bind(limit.rows())
    .bind(genre.map(Slug::as_str))
    .fetch_all(db)
    .await?;
    Ok(titles.into_iter().map(|stored| stored.title).collect())
}
