//! The slots of sessions. A trigger counts the live ones in the account's row, and a constraint on that row forbids
//! more than the plan has.

use ballet::{Failure, Rows, TextEnum};
use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use serde::{Deserialize, Serialize};
use sqlx::types::{Text, Uuid};
use sqlx::{PgConnection, Row};
use streaming_events::accounts::SlotDenial;
use streaming_events::playback::PlaybackRequested;
use streaming_events::{AccountId, Country, SessionId};

use crate::account::AtLimit;

/// The state of a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum SlotState {
    /// The session has the slot.
    Live,
    /// Another session took the slot, or the plan has fewer slots now.
    Displaced,
    /// The session ended.
    Released,
    /// The session never started.
    Cancelled,
}

/// The outcome of a session's request for a slot.
#[derive(Debug)]
pub(crate) enum SlotOutcome {
    Taken { region: Country, max_age: u8, displaced: Option<SessionId> },
    Denied { reason: SlotDenial, streams: Option<u16> },
}

/// Returns the row locks of accounts. Sessions of one account take their slots one after the other.
pub(crate) fn rows(accounts: impl IntoIterator<Item = AccountId>) -> Rows {
    Rows::of("account", accounts.into_iter().map(|account| account.to_string()))
}

/// Takes a slot for a session, if there is one or the plan stops the oldest.
pub(crate) async fn take(
    db: &mut PgConnection,
    session: &PlaybackRequested,
    now: Timestamp,
) -> Result<SlotOutcome, Failure> {
    // The lock comes first, so that the count includes the slot of the session before.
    let account = sqlx::query(
        "select streams, live, at_limit, max_age, region from account
         where account_id = $1 and closed_at is null for update",
    )
    .bind(session.account_id.0)
    .fetch_optional(&mut *db)
    .await?;
    let Some(account) = account else {
        return Ok(SlotOutcome::Denied { reason: SlotDenial::NoAccount, streams: None });
    };
    let (streams, live): (i32, i32) = (account.try_get("streams")?, account.try_get("live")?);
    let TextEnum::<AtLimit>(at_limit) = account.try_get("at_limit")?;
    let Text(region) = account.try_get("region")?;
    let max_age: i16 = account.try_get("max_age")?;
    let not = |reason| Ok(SlotOutcome::Denied { reason, streams: u16::try_from(streams).ok() });
    let known = sqlx::query("select from device where device_id = $1 and account_id = $2")
        .bind(session.device_id.0)
        .bind(session.account_id.0)
        .fetch_optional(&mut *db)
        .await?;
    if known.is_none() {
        return not(SlotDenial::UnknownDevice);
    }
    let mut displaced = None;
    if live >= streams {
        if at_limit == AtLimit::Refuse {
            return not(SlotDenial::NoSlot);
        }
        displaced = displace(db, session.account_id, 1, now).await?.pop();
    }
    sqlx::query(
        "insert into slot (session_id, account_id, device_id, state, taken_at)
         values ($1, $2, $3, 'live', $4)",
    )
    .bind(session.session_id.0)
    .bind(session.account_id.0)
    .bind(session.device_id.0)
    .bind(now.to_sqlx())
    .execute(db)
    .await?;
    Ok(SlotOutcome::Taken { region, max_age: u8::try_from(max_age)?, displaced })
}

/// Takes the slots of the oldest sessions of an account, this many of them.
pub(crate) async fn displace(
    db: &mut PgConnection,
    account_id: AccountId,
    count: i64,
    now: Timestamp,
) -> Result<Vec<SessionId>, Failure> {
    let displaced: Vec<Uuid> = sqlx::query_scalar(
        "update slot set state = 'displaced', ended_at = $3
         where session_id in (
             select session_id from slot where account_id = $1 and state = 'live'
             order by taken_at, session_id limit $2
         )
         returning session_id",
    )
    .bind(account_id.0)
    .bind(count)
    .bind(now.to_sqlx())
    .fetch_all(db)
    .await?;
    Ok(displaced.into_iter().map(SessionId).collect())
}

/// Ends a live slot. A missing or ended slot is left alone. The account's row is locked before the slot, in the order
/// of a change of the plan: the trigger alone would lock it after the slot.
pub(crate) async fn end(
    db: &mut PgConnection,
    session_id: SessionId,
    state: SlotState,
    now: Timestamp,
) -> Result<(), Failure> {
    sqlx::query(
        "with locked as materialized (
             select account_id from account
             where account_id = (select account_id from slot where session_id = $1)
             for no key update
         )
         update slot set state = $2, ended_at = $3 from locked
         where slot.account_id = locked.account_id and session_id = $1 and state = 'live'",
    )
    .bind(session_id.0)
    .bind(TextEnum(state))
    .bind(now.to_sqlx())
    .execute(db)
    .await?;
    Ok(())
}

/// Returns the accounts to which the slots of these sessions belong.
pub(crate) async fn accounts_of(
    db: &mut PgConnection,
    sessions: impl Iterator<Item = SessionId>,
) -> Result<Vec<AccountId>, Failure> {
    let accounts: Vec<Uuid> =
        sqlx::query_scalar("select distinct account_id from slot where session_id = any($1)")
            .bind(sessions.map(|session| session.0).collect::<Vec<_>>())
            .fetch_all(db)
            .await?;
    Ok(accounts.into_iter().map(AccountId).collect())
}
