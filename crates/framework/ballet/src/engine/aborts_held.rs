//! Whether aborts wait, because a restored database has not heard yet what it missed.

use std::sync::atomic::{AtomicBool, Ordering};

use ballet_store::operators::restored_database;
use sqlx::PgConnection;

use crate::declare::handler::database_wait::answered;
use crate::declare::handler::failure::Failure;

/// Asks until aborts are free. A database is restored only while no process runs, so that answer
/// stays.
#[derive(Debug, Default)]
pub(crate) struct AbortsHeld {
    are_free: AtomicBool,
}

impl AbortsHeld {
    pub(crate) async fn check(&self, db: &mut PgConnection) -> Result<(), Failure> {
        if self.are_free.load(Ordering::Relaxed) {
            return Ok(());
        }
        if answered(restored_database::holds_aborts(db)).await? {
            return Err(Failure::not_yet(
                "the database was restored from a backup: aborts wait until it has heard what it missed",
            ));
        }
        self.are_free.store(true, Ordering::Relaxed);
        Ok(())
    }
}
