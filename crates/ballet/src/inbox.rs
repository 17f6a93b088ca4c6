//! The inbox: which messages this service has handled.
//!
//! The row commits together with the handlers' effects, so a message has its effect once, however
//! often it comes.

use std::collections::HashSet;

use ballet_core::MessageId;
use sqlx::PgConnection;
use uuid::Uuid;

/// Notes the messages down and returns those that were not there before. A message that another
/// transaction is handling right now is waited for.
pub(crate) async fn receive(
    db: &mut PgConnection,
    messages: &[MessageId],
) -> Result<HashSet<MessageId>, sqlx::Error> {
    let (mut timed, mut others): (Vec<Uuid>, Vec<Uuid>) =
        messages.iter().map(|id| id.0).partition(|id| ballet_core::id::is_timed(*id));
    // In one order everywhere: two batches with the same ids would else wait for each other.
    timed.sort_unstable();
    others.sort_unstable();
    let mut fresh = HashSet::with_capacity(messages.len());
    if !timed.is_empty() {
        let statement = "insert into ballet.inbox (message_id) select unnest($1::uuid[]) \
                         on conflict do nothing returning message_id";
        let rows: Vec<(Uuid,)> = sqlx::query_as(statement).bind(&timed).fetch_all(&mut *db).await?;
        fresh.extend(rows.into_iter().map(|(id,)| MessageId(id)));
    }
    if !others.is_empty() {
        let statement = "insert into ballet.inbox_other (message_id) select unnest($1::uuid[]) \
                         on conflict do nothing returning message_id";
        let rows: Vec<(Uuid,)> = sqlx::query_as(statement).bind(&others).fetch_all(db).await?;
        fresh.extend(rows.into_iter().map(|(id,)| MessageId(id)));
    }
    Ok(fresh)
}
