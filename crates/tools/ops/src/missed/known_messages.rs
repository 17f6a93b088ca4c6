//! The messages that a service knows: handled, waiting for a retry, or dead letters that the broker has not taken yet.

use std::collections::HashSet;

use ballet_amqp::Delivery;
use ballet_core::MessageId;
use ballet_store::inbox::failures;
use ballet_store::inbox::messages::handled;
use ballet_store::outbox::unsent_copies;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::redrive::dead_letter::DeadLetter;

/// The maximum number of minutes that a message is late from a retry queue. A later one is lost, for instance purged.
const LATE: i32 = 10;
pub(super) const LOOK_UP: usize = 1_000;

/// Returns those of these messages that the service has handled or will retry. Dead letters are found elsewhere.
pub(super) async fn known(
    db: &mut PgConnection,
    ids: &[MessageId],
    is_restored: bool,
) -> Result<HashSet<MessageId>, sqlx::Error> {
    let mut known = HashSet::new();
    for ids in ids.chunks(LOOK_UP) {
        let ids: Vec<Uuid> = ids.iter().map(|id| id.0).collect();
        known.extend(handled(&mut *db, &ids).await?);
        if !is_restored {
            known.extend(failures::tried_again(&mut *db, &ids, LATE).await?);
        }
    }
    Ok(known)
}

/// Returns the messages whose dead letters or delayed copies wait in the database for the broker. The journal lacks
/// them until then.
pub(super) async fn unsent(
    db: &mut PgConnection,
    service: &str,
) -> Result<HashSet<MessageId>, sqlx::Error> {
    let mut unsent = HashSet::new();
    unsent_copies::each(db, |exchange, routing_key, properties, body| {
        // The service itself reports unreadable copies.
        let Ok(properties) = serde_json::from_slice(&properties) else { return };
        let copy = Delivery { tag: 0, redelivered: false, exchange, routing_key, properties, body };
        unsent.insert(DeadLetter::read(service, copy).id);
    })
    .await?;
    Ok(unsent)
}
