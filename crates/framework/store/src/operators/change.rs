//! Transactions in which a person changes something.

use sqlx::{Connection, Executor, PgConnection, Postgres, Transaction};

/// The time limits of a person's transaction: of a wait for a lock, as long as a transaction of the
/// service takes to end; of a statement; and between two statements. A command that is frozen, or
/// whose network is gone, keeps its locks no longer.
const LIMITS: &str = "set local lock_timeout = '10s'; set local statement_timeout = '1min'; \
    set local idle_in_transaction_session_timeout = '10s'";

/// Opens a transaction in which a person changes something.
pub async fn change(db: &mut PgConnection) -> Result<Transaction<'_, Postgres>, sqlx::Error> {
    #[expect(clippy::disallowed_methods, reason = "no handler runs in it")]
    let mut transaction = db.begin().await?;
    transaction.execute(LIMITS).await?;
    Ok(transaction)
}

/// Gives the transaction the rights of the service, so that the service owns what it makes. An
/// administrator may connect as another user, whose outbox table the service could not read.
pub async fn as_service(db: &mut PgConnection) -> Result<(), sqlx::Error> {
    let set = "select set_config('role', owner, true) from (select pg_get_userbyid(relowner)::text \
               as owner from pg_class where oid = to_regclass('ballet.outbox_table')) as service \
               where owner <> current_user and pg_has_role(owner, 'member')";
    sqlx::query(set).execute(db).await.map(drop)
}
