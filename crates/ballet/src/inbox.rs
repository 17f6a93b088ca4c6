//! The inbox: which messages this service has handled.
//!
//! The row commits together with the handlers' effects, so a message has its effect once, however
//! often it comes.

use std::collections::HashSet;

use ballet_core::{MessageId, SagaId};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::saga_lock;

/// Takes the locks of all sagas, and only then notes the messages down; returns those that were not
/// there before. A message that another transaction is handling right now is waited for.
pub(crate) async fn receive(
    db: &mut PgConnection,
    sagas: &[SagaId],
    messages: &[MessageId],
) -> Result<HashSet<MessageId>, sqlx::Error> {
    if messages.is_empty() {
        saga_lock::lock(db, sagas.iter().copied()).await?;
        return Ok(HashSet::new());
    }
    let locks = saga_lock::keys(sagas.iter().copied());
    let (mut timed, mut others): (Vec<Uuid>, Vec<Uuid>) =
        messages.iter().map(|id| id.0).partition(|id| ballet_core::id::is_timed(*id));
    // In one order everywhere: two batches with the same ids would else wait for each other.
    timed.sort_unstable();
    others.sort_unstable();
    let mut fresh = HashSet::with_capacity(messages.len());
    // The count is taken before the first row is written. Whoever takes locks that it has already
    // waits for nothing.
    for (ids, statement) in [
        (
            timed,
            "with locked as materialized \
                 (select pg_advisory_xact_lock(key) from unnest($2::bigint[]) as key) \
             insert into ballet.inbox (message_id) select unnest($1::uuid[]) \
             where (select count(*) from locked) >= 0 on conflict do nothing returning message_id",
        ),
        (
            others,
            "with locked as materialized \
                 (select pg_advisory_xact_lock(key) from unnest($2::bigint[]) as key) \
             insert into ballet.inbox_other (message_id) select unnest($1::uuid[]) \
             where (select count(*) from locked) >= 0 on conflict do nothing returning message_id",
        ),
    ] {
        if ids.is_empty() {
            continue;
        }
        let rows: Vec<(Uuid,)> =
            sqlx::query_as(statement).bind(&ids).bind(&locks).fetch_all(&mut *db).await?;
        fresh.extend(rows.into_iter().map(|(id,)| MessageId(id)));
    }
    Ok(fresh)
}
