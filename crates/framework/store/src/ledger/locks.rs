//! The saga lock: it serialises the work of one service for one saga.
//!
//! Every transaction on sagas takes the locks first, in sorted order, so no two can deadlock.
//! Without the lock, an abort and a step on another lane or replica could both commit.

use ballet_core::SagaId;
use sqlx::PgConnection;

/// Takes advisory locks with one statement, always in the same order.
pub async fn lock_keys(db: &mut PgConnection, mut keys: Vec<i64>) -> Result<(), sqlx::Error> {
    sort(&mut keys);
    if keys.is_empty() {
        return Ok(());
    }
    // One row for all of them, since the row of each key would be sent and read for nothing.
    let lock = "select count(*) from \
                (select pg_advisory_xact_lock(key) from unnest($1::bigint[]) as key) as locked";
    sqlx::query(lock).bind(&keys).execute(db).await.map(drop)
}

/// Takes the lock of one saga, until the transaction ends.
pub async fn lock_saga(db: &mut PgConnection, saga: SagaId) -> Result<(), sqlx::Error> {
    lock_keys(db, keys([saga])).await
}

/// Returns the lock keys of these sagas, in locking order.
pub fn keys(sagas: impl IntoIterator<Item = SagaId>) -> Vec<i64> {
    let mut keys = sagas.into_iter().map(lock_key).collect();
    sort(&mut keys);
    keys
}

fn sort(keys: &mut Vec<i64>) {
    keys.sort_unstable();
    keys.dedup();
}

/// Returns the random half of the id. Two sagas with the same key only wait for each other.
#[expect(clippy::cast_possible_truncation, reason = "only the lower half is needed")]
fn lock_key(saga: SagaId) -> i64 {
    saga.0.as_u128() as i64
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn locks_are_taken_in_one_order_whatever_the_order_of_the_sagas() {
        let saga = |low: u128| SagaId(Uuid::from_u128(low));
        // As signed numbers the halves are in another order than the ids.
        let sagas = [3, u128::from(u64::MAX), 1, 2, 1].map(saga);
        let forward = keys(sagas);
        assert_eq!(forward, [-1, 1, 2, 3]);
        assert_eq!(keys(sagas.into_iter().rev()), forward);
    }
}
