//! Marks that make sessions end, and the erasure of accounts afterwards.

use ballet::{Failure, TextEnum};
use sqlx::PgConnection;
use sqlx::types::Uuid;
use streaming_events::playback::EndReason;
use streaming_events::{AccountId, ClosureId, DeviceId, SessionId};

#[derive(Debug, Clone, Copy)]
pub(crate) enum SessionOwner {
    Account(AccountId),
    Device(AccountId, DeviceId),
}

/// Returns the sessions that were not marked before. The first reason counts, and ended sessions stay as they are.
pub(crate) async fn mark(
    db: &mut PgConnection,
    sessions: &[SessionId],
    reason: EndReason,
) -> Result<Vec<SessionId>, Failure> {
    let marked: Vec<Uuid> = sqlx::query_scalar(
        "update session set ending = $2
         where session_id = any($1) and status in ('requested', 'playing') and ending is null
         returning session_id",
    )
    .bind(sessions.iter().map(|session| session.0).collect::<Vec<_>>())
    .bind(TextEnum(reason))
    .fetch_all(&mut *db)
    .await?;
    Ok(marked.into_iter().map(SessionId).collect())
}

/// Like [`mark`], for an account, or one of its devices.
pub(crate) async fn mark_all(
    db: &mut PgConnection,
    of: SessionOwner,
    reason: EndReason,
) -> Result<Vec<SessionId>, Failure> {
    let (account_id, device_id) = match of {
        SessionOwner::Account(account_id) => (account_id, None),
        SessionOwner::Device(account_id, device_id) => (account_id, Some(device_id)),
    };
    let marked: Vec<Uuid> = sqlx::query_scalar(
        "update session set ending = $3
         where account_id = $1 and ($2::uuid is null or device_id = $2)
             and status in ('requested', 'playing') and ending is null
         returning session_id",
    )
    .bind(account_id.0)
    .bind(device_id.map(|device| device.0))
    .bind(TextEnum(reason))
    .fetch_all(&mut *db)
    .await?;
    Ok(marked.into_iter().map(SessionId).collect())
}

/// A trigger records the account as erased, so that sessions refused from now on store nothing of it. [`erase`], in a
/// later transaction, finds those that were refused before.
pub(crate) async fn begin_erasure(
    db: &mut PgConnection,
    closure_id: ClosureId,
    account_id: AccountId,
) -> Result<(), Failure> {
    sqlx::query("insert into erasing (closure_id, account_id) values ($1, $2)")
        .bind(closure_id.0)
        .bind(account_id.0)
        .execute(db)
        .await?;
    Ok(())
}

/// Returns `None` if one of the account's sessions is not over.
pub(crate) async fn erase(
    db: &mut PgConnection,
    closure_id: ClosureId,
) -> Result<Option<AccountId>, Failure> {
    let account_id: Uuid =
        sqlx::query_scalar("select account_id from erasing where closure_id = $1")
            .bind(closure_id.0)
            .fetch_one(&mut *db)
            .await?;
    let open: bool = sqlx::query_scalar(
        "select exists (
             select from session where account_id = $1 and status in ('requested', 'playing')
         )",
    )
    .bind(account_id)
    .fetch_one(&mut *db)
    .await?;
    if open {
        return Ok(None);
    }
    for statement in [
        "delete from position where account_id = $1",
        "update session set account_id = null, device_id = null where account_id = $1",
    ] {
        sqlx::query(statement).bind(account_id).execute(&mut *db).await?;
    }
    sqlx::query("delete from erasing where closure_id = $1")
        .bind(closure_id.0)
        .execute(&mut *db)
        .await?;
    Ok(Some(AccountId(account_id)))
}
