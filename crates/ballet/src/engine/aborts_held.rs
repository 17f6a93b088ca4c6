//! Whether aborts wait, because the database was restored from a backup and has not heard yet what it
//! missed.

use std::sync::atomic::{AtomicU8, Ordering};

use ballet_store::operators::restored;
use sqlx::PgConnection;

use crate::declare::answered::answered;
use crate::declare::failure::Failure;

/// Zero: it was not asked yet.
const HELD: u8 = 1;
const FREE: u8 = 2;

/// The last answer. A database is restored while no process runs, so once aborts are free they stay so.
#[derive(Debug, Default)]
pub(crate) struct AbortsHeld(AtomicU8);

impl AbortsHeld {
    /// Fails while aborts wait.
    pub(crate) async fn check(&self, db: &mut PgConnection) -> Result<(), Failure> {
        if self.0.load(Ordering::Relaxed) == FREE {
            return Ok(());
        }
        let holds = answered(restored::holds_aborts(db)).await?;
        self.0.store(if holds { HELD } else { FREE }, Ordering::Relaxed);
        if holds {
            return Err(Failure::not_yet(
                "the database was restored from a backup: aborts wait until it has heard what it missed",
            ));
        }
        Ok(())
    }

    /// Whether they waited when it was last asked.
    pub(crate) fn is_so(&self) -> bool {
        self.0.load(Ordering::Relaxed) == HELD
    }
}
