//! How far back a restored service has to hear again.

use ballet_core::id;
use jiff::Timestamp;
use sqlx::PgConnection;
use uuid::Uuid;

/// The time of the oldest message that the service had received and not handled when the backup was
/// made, by the messages that had failed, and by the one that was handled last, since a service
/// that is behind handles old messages. `None` if it has handled nothing yet.
pub async fn oldest_unhandled(db: &mut PgConnection) -> Result<Option<Timestamp>, sqlx::Error> {
    // The ids are of version 7, but for few, so their order is that of their times.
    let ids: Vec<(Uuid,)> = sqlx::query_as(
        "(select message_id from ballet.failure order by message_id limit 1) union all \
         (select message_id from ballet.inbox order by message_id desc limit 1)",
    )
    .fetch_all(&mut *db)
    .await?;
    let (failed,): (Option<jiff_sqlx::Timestamp>,) =
        sqlx::query_as("select min(first_failed_at) from ballet.failure").fetch_one(db).await?;
    let times = ids.into_iter().filter_map(|(message,)| id::time_of(message));
    Ok(times.chain(failed.map(jiff_sqlx::Timestamp::to_jiff)).min())
}
