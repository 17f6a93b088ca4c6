//! The rows of accounts and plans.

use ballet::Failure;
use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use sqlx::{PgConnection, PgExecutor};
use streaming_events::{AccountId, SessionId, Slug};

use crate::account::{Plan, StoredAccount};
use crate::requests::NewAccount;
use crate::store::slot;

pub(crate) async fn plans(db: impl PgExecutor<'_>) -> Result<Vec<Plan>, Failure> {
    let plans = sqlx::query_as("select * from plan order by streams, plan");
    Ok(plans.fetch_all(db).await?)
}

pub(crate) async fn has_plan(db: impl PgExecutor<'_>, plan: &Slug) -> Result<bool, Failure> {
    let has = sqlx::query_scalar("select exists (select from plan where plan = $1)");
    Ok(has.bind(plan.as_str()).fetch_one(db).await?)
}

/// Opens an account of an existing plan. `None` if there is one under the same key.
pub(crate) async fn open(
    db: &mut PgConnection,
    account_id: AccountId,
    new: &NewAccount,
    key: Option<&str>,
    now: Timestamp,
) -> Result<Option<StoredAccount>, Failure> {
    let opened = sqlx::query_as(
        "insert into account
             (account_id, version, plan, streams, at_limit, max_age, region, email, name,
              opened_at, changed_at, asked)
         select $1, 1, plan, streams, at_limit, max_age, $3, $4, $5, $6, $6,
             sha256(convert_to($7, 'UTF8'))
         from plan where plan = $2
         on conflict (asked) do nothing
         returning *",
    )
    .bind(account_id.0)
    .bind(new.plan.as_str())
    .bind(new.region.as_str())
    .bind(&*new.email)
    .bind(&*new.name)
    .bind(now.to_sqlx())
    .bind(key)
    .fetch_optional(db)
    .await?;
    Ok(opened)
}

pub(crate) async fn find_asked(
    db: impl PgExecutor<'_>,
    key: &str,
) -> Result<Option<StoredAccount>, Failure> {
    let account =
        sqlx::query_as("select * from account where asked = sha256(convert_to($1, 'UTF8'))");
    Ok(account.bind(key).fetch_optional(db).await?)
}

pub(crate) async fn find(
    db: impl PgExecutor<'_>,
    account_id: AccountId,
) -> Result<Option<StoredAccount>, Failure> {
    let account = sqlx::query_as("select * from account where account_id = $1");
    Ok(account.bind(account_id.0).fetch_optional(db).await?)
}

/// Like [`find`]. Sessions and changes of the account wait until this transaction ends.
pub(crate) async fn find_to_change(
    db: &mut PgConnection,
    account_id: AccountId,
) -> Result<Option<StoredAccount>, Failure> {
    let account = sqlx::query_as("select * from account where account_id = $1 for update");
    Ok(account.bind(account_id.0).fetch_optional(db).await?)
}

/// Sessions beyond the new plan lose their slots, the oldest first. `None` if there is no such plan.
pub(crate) async fn change_plan(
    db: &mut PgConnection,
    account: &StoredAccount,
    plan: &Slug,
    now: Timestamp,
) -> Result<Option<(StoredAccount, Vec<SessionId>)>, Failure> {
    let streams: Option<i32> = sqlx::query_scalar("select streams from plan where plan = $1")
        .bind(plan.as_str())
        .fetch_optional(&mut *db)
        .await?;
    let Some(streams) = streams else { return Ok(None) };
    let beyond = i64::from((account.live - streams).max(0));
    let displaced = slot::displace(db, account.account_id, None, beyond, now).await?;
    let changed = sqlx::query_as(
        "update account set plan = plan.plan, streams = plan.streams, at_limit = plan.at_limit,
             max_age = plan.max_age, version = version + 1, changed_at = $3
         from plan where account_id = $1 and plan.plan = $2
         returning account.*",
    )
    .bind(account.account_id.0)
    .bind(plan.as_str())
    .bind(now.to_sqlx())
    .fetch_one(db)
    .await?;
    Ok(Some((changed, displaced)))
}
