//! Finds titles by their words, the best first.

use ballet::Failure;
use common::paging::Limit;
use common::search::{Query, SimilarWords, TIERS};
use sqlx::PgPool;
use streaming_events::titles::Title;

use crate::title::StoredTitle;

macro_rules! find {
    ($condition:literal) => {
        concat!(
            "select title.* from title_words join title using (title_id) where ",
            $condition,
            " order by ts_rank(heading, $3::tsquery, 1) desc, title_id limit $4"
        )
    };
}

const IN_NAME: &str = find!("heading @@ $1::tsquery and ($2::text is null)");
const BEGIN_IN_NAME: &str = find!("heading @@ $1::tsquery and not heading @@ $2::tsquery");
const BEGIN: &str = find!("words @@ $1::tsquery and not heading @@ $2::tsquery");
const ALIKE: &str = find!("words @@ $1::tsquery and not words @@ $2::tsquery");

/// The results come in tiers. A tier is searched only if those before it are not enough.
pub(crate) async fn find(db: &PgPool, query: &Query, limit: Limit) -> Result<Vec<Title>, Failure> {
    let mut found = Vec::new();
    if query.is_empty() {
        return Ok(found);
    }
    for tier in 0..TIERS {
        let left = limit.rows() - i64::try_from(found.len())?;
        if left <= 0 {
            break;
        }
        let similar =
            if tier == TIERS - 1 { similar(db, query.unsure()).await? } else { Vec::new() };
        let (wanted, before) = query.in_tier(tier, &similar);
        let statement = match tier {
            0 => IN_NAME,
            1 => BEGIN_IN_NAME,
            2 => BEGIN,
            _ => ALIKE,
        };
        let rows: Vec<StoredTitle> = sqlx::query_as(statement)
            .bind(wanted.all)
            .bind(before)
            .bind(wanted.any)
            .bind(left)
            .fetch_all(db)
            .await?;
        found.extend(rows.into_iter().map(|stored| stored.title));
    }
    Ok(found)
}

async fn similar(db: &PgPool, unsure: Vec<String>) -> Result<Vec<SimilarWords>, Failure> {
    if unsure.is_empty() {
        return Ok(Vec::new());
    }
    Ok(sqlx::query_as(common::search::SIMILAR).bind(unsure).fetch_all(db).await?)
}
