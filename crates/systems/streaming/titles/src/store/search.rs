//! Finds titles by their words, the best first.

use ballet::Failure;
use common::paging::Limit;
use sqlx::PgPool;
use streaming_events::titles::Title;

use crate::title::StoredTitle;

const FIND: &str = "select * from title
    where withdrawn_at is null
        and title_words(name, genre, description) @@ to_tsquery('simple', $1)
    order by ts_rank(title_words(name, genre, description), to_tsquery('simple', $1), 1) desc,
        title_id
    limit $2";

pub(crate) async fn find(db: &PgPool, query: &str, limit: Limit) -> Result<Vec<Title>, Failure> {
    let Some(query) = common::search::query(query) else { return Ok(Vec::new()) };
    let found: Vec<StoredTitle> =
        sqlx::query_as(FIND).bind(query).bind(limit.rows()).fetch_all(db).await?;
    Ok(found.into_iter().map(|stored| stored.title).collect())
}
