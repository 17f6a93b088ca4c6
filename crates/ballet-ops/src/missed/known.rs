//! The messages that a service knows: those that it has handled, and those that it will try again.

use std::collections::HashSet;

use ballet_core::MessageId;
use sqlx::PgConnection;
use uuid::Uuid;

/// Which of these messages the service has handled, or has failed to handle.
pub(super) async fn known(
    db: &mut PgConnection,
    ids: &[MessageId],
) -> Result<HashSet<MessageId>, sqlx::Error> {
    let ids: Vec<Uuid> = ids.iter().map(|id| id.0).collect();
    let rows: Vec<(Uuid,)> = sqlx::query_as(
        "select message_id from ballet.inbox where message_id = any($1) union all \
         select message_id from ballet.inbox_other where message_id = any($1) union all \
         select message_id from ballet.failure where message_id = any($1)",
    )
    .bind(&ids)
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(|(id,)| MessageId(id)).collect())
}
