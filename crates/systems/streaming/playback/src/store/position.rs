//! Where accounts stopped, over all their devices.

use ballet::Failure;
use common::paging::Limit;
use sqlx::PgExecutor;
use streaming_events::AccountId;

use crate::session::WatchPosition;

/// Returns the last first. Playing sessions count as well.
pub(crate) async fn list(
    db: impl PgExecutor<'_>,
    account_id: AccountId,
    limit: Limit,
) -> Result<Vec<WatchPosition>, Failure> {
    let positions = sqlx::query_as(
        "select title_id, position_seconds, watched_at from (
             select distinct on (title_id) title_id, position_seconds, watched_at from (
                 select title_id, position_seconds, watched_at from position where account_id = $1
                 union all
                 select title_id, position_seconds, seen_at from session
                 where account_id = $1 and status = 'playing' and number > 0
             ) as each
             order by title_id, watched_at desc
         ) as newest
         order by watched_at desc, title_id limit $2",
    )
    .bind(account_id.0)
    .bind(limit.rows())
    .fetch_all(db)
    .await?;
    Ok(positions)
}
