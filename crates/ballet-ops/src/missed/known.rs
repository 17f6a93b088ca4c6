//! The messages that a service knows: those that it has handled, those that it will try again, and
//! those whose dead letters the broker has not taken yet.

use std::collections::HashSet;

use ballet_amqp::Delivery;
use ballet_core::MessageId;
use futures_util::TryStreamExt;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::missed::journal::Memory;
use crate::redrive::dead_letter::DeadLetter;

/// Exchange, routing key, properties and body.
type Copy = (String, String, Vec<u8>, Vec<u8>);

/// In minutes: how late a message may come back from a retry queue. One that has not come by then is lost, for
/// instance because somebody purged the queue.
const LATE: i32 = 10;

/// Which of these messages the service has handled, or is about to try again. What is a dead letter the
/// journal and the queue of dead letters tell.
pub(super) async fn known(
    db: &mut PgConnection,
    ids: &[MessageId],
    memory: Memory,
) -> Result<HashSet<MessageId>, sqlx::Error> {
    let ids: Vec<Uuid> = ids.iter().map(|id| id.0).collect();
    let rows: Vec<(Uuid,)> = sqlx::query_as(
        "select message_id from ballet.inbox where message_id = any($1) union all \
         select message_id from ballet.inbox_other where message_id = any($1) union all \
         select message_id from ballet.failure where message_id = any($1) and $2 \
             and next_at > ballet.now() - make_interval(mins => $3)",
    )
    .bind(&ids)
    .bind(memory == Memory::True)
    .bind(LATE)
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(|(id,)| MessageId(id)).collect())
}

/// The messages whose copies, as dead letters or delayed messages, wait in the service's database
/// until the broker takes them. The journal does not have them before that.
pub(super) async fn unsent(
    db: &mut PgConnection,
    service: &str,
) -> Result<HashSet<MessageId>, sqlx::Error> {
    let mut copies = sqlx::query_as::<_, Copy>(
        "select exchange, routing_key, properties, body from ballet.unsent_copy",
    )
    .fetch(db);
    let mut unsent = HashSet::new();
    while let Some((exchange, routing_key, properties, body)) = copies.try_next().await? {
        // The service says which of its copies it cannot read.
        let Ok(properties) = serde_json::from_slice(&properties) else { continue };
        let copy = Delivery { tag: 0, redelivered: false, exchange, routing_key, properties, body };
        unsent.insert(DeadLetter::read(service, copy).id);
    }
    Ok(unsent)
}
