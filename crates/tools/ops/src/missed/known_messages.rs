//! The messages that a service knows: handled, or waiting for a retry.

use std::collections::HashSet;

use ballet_core::MessageId;
use ballet_store::inbox::failures;
use ballet_store::inbox::messages::handled;
use sqlx::PgConnection;
use uuid::Uuid;

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
