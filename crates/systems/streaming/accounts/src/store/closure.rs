//! The closures of accounts. Playback is the only other service with data of an account.

use ballet::Failure;
use common::paging::Limit;
use jiff::{SignedDuration, Timestamp};
use jiff_sqlx::ToSqlx;
use sqlx::{AssertSqlSafe, PgConnection, PgExecutor};
use streaming_events::{AccountId, ClosureId};

use crate::account::Closure;

/// The time in which every service has to erase the account's data.
const DUE_AFTER: SignedDuration = SignedDuration::from_hours(24);

const CLOSURE: &str = "closure_id, account_id, closed_at, due_at, erased_at,
    case when erased_at is null then array['playback'] else '{}'::text[] end as missing";

/// Deletes the person's data.
pub(crate) async fn close(
    db: &mut PgConnection,
    closure_id: ClosureId,
    account_id: AccountId,
    now: Timestamp,
) -> Result<(), Failure> {
    sqlx::query("delete from device where account_id = $1")
        .bind(account_id.0)
        .execute(&mut *db)
        .await?;
    sqlx::query(
        "with closed as (
             update account set email = null, name = null, closed_at = $3, changed_at = $3
             where account_id = $2
         )
         insert into closure (closure_id, account_id, closed_at, due_at) values ($1, $2, $3, $4)",
    )
    .bind(closure_id.0)
    .bind(account_id.0)
    .bind(now.to_sqlx())
    .bind((now + DUE_AFTER).to_sqlx())
    .execute(db)
    .await?;
    Ok(())
}

/// Removes the account's last rows. Returns false if a session still has a slot: a closed account gives out none.
pub(crate) async fn complete(
    db: &mut PgConnection,
    closure_id: ClosureId,
    account_id: AccountId,
    now: Timestamp,
) -> Result<bool, Failure> {
    let live: Option<i32> = sqlx::query_scalar("select live from account where account_id = $1")
        .bind(account_id.0)
        .fetch_optional(&mut *db)
        .await?;
    if live.is_some_and(|live| live > 0) {
        return Ok(false);
    }
    for statement in
        ["delete from slot where account_id = $1", "delete from account where account_id = $1"]
    {
        sqlx::query(statement).bind(account_id.0).execute(&mut *db).await?;
    }
    sqlx::query("update closure set erased_at = $2 where closure_id = $1")
        .bind(closure_id.0)
        .bind(now.to_sqlx())
        .execute(db)
        .await?;
    Ok(true)
}

pub(crate) async fn of_account(
    db: impl PgExecutor<'_>,
    account_id: AccountId,
) -> Result<Option<Closure>, Failure> {
    let statement = format!("select {CLOSURE} from closure where account_id = $1");
    let closure = sqlx::query_as(AssertSqlSafe(statement)).bind(account_id.0);
    Ok(closure.fetch_optional(db).await?)
}

/// Returns the newest first: all, or those that are overdue.
pub(crate) async fn page(
    db: impl PgExecutor<'_>,
    overdue_at: Option<Timestamp>,
    after: Option<ClosureId>,
    limit: Limit,
) -> Result<Vec<Closure>, Failure> {
    let statement = format!(
        "select {CLOSURE} from closure
         where closure_id < coalesce($1, 'ffffffff-ffff-ffff-ffff-ffffffffffff')
             and ($3::timestamptz is null or (erased_at is null and due_at < $3))
         order by closure_id desc limit $2"
    );
    let closures = sqlx::query_as(AssertSqlSafe(statement))
        .bind(after.map(|closure| closure.0))
        .bind(limit.rows())
        .bind(overdue_at.map(ToSqlx::to_sqlx))
        .fetch_all(db)
        .await?;
    Ok(closures)
}
