//! The saga lock: what one service does for one saga is serial.
//!
//! Taken before anything else by every transaction that works on sagas, in sorted order, so that
//! transactions with several sagas cannot wait for each other in a circle. Without it an abort and
//! a step on another lane or replica could both commit.

use ballet_core::SagaId;
use sqlx::PgConnection;

/// Takes advisory locks with one statement, in one order everywhere.
pub(crate) async fn lock_keys(
    db: &mut PgConnection,
    mut keys: Vec<i64>,
) -> Result<(), sqlx::Error> {
    sort(&mut keys);
    if keys.is_empty() {
        return Ok(());
    }
    sqlx::query("select pg_advisory_xact_lock(key) from unnest($1::bigint[]) as key")
        .bind(&keys)
        .execute(db)
        .await?;
    Ok(())
}

/// What is locked for these sagas, in the order in which it has to be.
pub(crate) fn keys(sagas: impl IntoIterator<Item = SagaId>) -> Vec<i64> {
    let mut keys = sagas.into_iter().map(lock_key).collect();
    sort(&mut keys);
    keys
}

fn sort(keys: &mut Vec<i64>) {
    keys.sort_unstable();
    keys.dedup();
}

/// The random half of the id. Two sagas with the same key only wait for each other.
#[expect(clippy::cast_possible_truncation, reason = "the lower half is what is wanted")]
fn lock_key(saga: SagaId) -> i64 {
    saga.0.as_u128() as i64
}
