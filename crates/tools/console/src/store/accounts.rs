//! Accounts of the console, and sessions.

use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use sqlx::PgPool;

use crate::access::password::PasswordHash;
use crate::access::role::Role;

/// Ends the account's sessions.
pub(crate) async fn set(
    pool: &PgPool,
    name: &str,
    role: Role,
    password: &PasswordHash,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "with ended as (delete from console.session where account = $1) \
         insert into console.account (name, role, salt, hash) values ($1, $2, $3, $4) \
         on conflict (name) do update set role = excluded.role, salt = excluded.salt, \
             hash = excluded.hash",
    )
    .bind(name)
    .bind(role.as_str())
    .bind(&password.salt)
    .bind(&password.hash)
    .execute(pool)
    .await
    .map(drop)
}

/// Returns false if there is one.
pub(crate) async fn first(
    pool: &PgPool,
    name: &str,
    password: &PasswordHash,
) -> Result<bool, sqlx::Error> {
    let made = sqlx::query(
        "insert into console.account (name, role, salt, hash) select $1, 'operator', $2, $3 \
         where not exists (select from console.account) on conflict do nothing",
    )
    .bind(name)
    .bind(&password.salt)
    .bind(&password.hash)
    .execute(pool)
    .await?;
    Ok(made.rows_affected() == 1)
}

pub(crate) async fn all(pool: &PgPool) -> Result<Vec<(String, Role)>, sqlx::Error> {
    let all = "select name, role from console.account order by name";
    let all: Vec<(String, String)> = sqlx::query_as(all).fetch_all(pool).await?;
    let account =
        |(name, role): (String, String)| (name, Role::parse(&role).unwrap_or(Role::Viewer));
    Ok(all.into_iter().map(account).collect())
}

/// Removes an account with its sessions. Returns false if there is none.
pub(crate) async fn remove(pool: &PgPool, name: &str) -> Result<bool, sqlx::Error> {
    let remove = sqlx::query("delete from console.account where name = $1").bind(name);
    Ok(remove.execute(pool).await?.rows_affected() == 1)
}

pub(crate) async fn password(
    pool: &PgPool,
    name: &str,
) -> Result<Option<PasswordHash>, sqlx::Error> {
    let found: Option<(Vec<u8>, Vec<u8>)> =
        sqlx::query_as("select salt, hash from console.account where name = $1")
            .bind(name)
            .fetch_optional(pool)
            .await?;
    Ok(found.map(|(salt, hash)| PasswordHash { salt, hash }))
}

/// Begins a session, and removes expired ones.
pub(crate) async fn begin(
    pool: &PgPool,
    account: &str,
    token: &[u8],
    now: Timestamp,
    until: Timestamp,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "with over as (delete from console.session where until < $3) \
         insert into console.session (token, account, until) values ($1, $2, $4)",
    )
    .bind(token)
    .bind(account)
    .bind(now.to_sqlx())
    .bind(until.to_sqlx())
    .execute(pool)
    .await
    .map(drop)
}

pub(crate) async fn of_session(
    pool: &PgPool,
    token: &[u8],
    now: Timestamp,
) -> Result<Option<(String, Role)>, sqlx::Error> {
    let found: Option<(String, String)> = sqlx::query_as(
        "select name, role from console.session join console.account on name = account \
         where token = $1 and until > $2",
    )
    .bind(token)
    .bind(now.to_sqlx())
    .fetch_optional(pool)
    .await?;
    Ok(found.map(|(name, role)| (name, Role::parse(&role).unwrap_or(Role::Viewer))))
}

pub(crate) async fn role(pool: &PgPool, name: &str) -> Result<Option<Role>, sqlx::Error> {
    let found: Option<String> =
        sqlx::query_scalar("select role from console.account where name = $1")
            .bind(name)
            .fetch_optional(pool)
            .await?;
    Ok(found.and_then(|role| Role::parse(&role)))
}

pub(crate) async fn end(pool: &PgPool, token: &[u8]) -> Result<(), sqlx::Error> {
    let end = "delete from console.session where token = $1";
    sqlx::query(end).bind(token).execute(pool).await.map(drop)
}
