//! The messages that a service knows: those that it has handled, those that it will try again, and
//! those whose dead letters the broker has not taken yet.

use std::collections::HashSet;

use ballet_amqp::Delivery;
use ballet_core::MessageId;
use ballet_store::inbox::failures;
use ballet_store::inbox::messages::handled;
use ballet_store::outbox::unsent_copies;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::missed::journal::Memory;
use crate::redrive::dead_letter::DeadLetter;

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
    let mut known = handled(&mut *db, &ids).await?;
    if memory == Memory::True {
        known.extend(failures::tried_again(db, &ids, LATE).await?);
    }
    Ok(known)
}

/// The messages whose copies, as dead letters or delayed messages, wait in the service's database
/// until the broker takes them. The journal does not have them before that.
pub(super) async fn unsent(
    db: &mut PgConnection,
    service: &str,
) -> Result<HashSet<MessageId>, sqlx::Error> {
    let mut unsent = HashSet::new();
    unsent_copies::each(db, |exchange, routing_key, properties, body| {
        // The service says which of its copies it cannot read.
        let Ok(properties) = serde_json::from_slice(&properties) else { return };
        let copy = Delivery { tag: 0, redelivered: false, exchange, routing_key, properties, body };
        unsent.insert(DeadLetter::read(service, copy).id);
    })
    .await?;
    Ok(unsent)
}
