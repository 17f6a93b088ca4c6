//! The slots of sessions. A trigger counts the live ones in the account's row, where a constraint forbids more than
//! the plan has.

use ballet::{Failure, Rows, TextEnum};
use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use serde::{Deserialize, Serialize};
use sqlx::types::{Text, Uuid};
use sqlx::{PgConnection, Row};
use streaming_events::accounts::SlotDenial;
use streaming_events::playback::PlaybackRequested;
use streaming_events::{AccountId, Country, DeviceId, SessionId};

use crate::account::AtLimit;

/// The state of a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SlotState {
    /// The session waits for the licence of its title.
    Wanted,
    /// The session has the slot.
    Live,
    /// Another session took the slot, or the plan has fewer slots now.
    Displaced,
    /// The session ended.
    Released,
    /// The session never started.
    Cancelled,
}

#[derive(Debug)]
pub(crate) enum SlotOutcome {
    Taken { account_id: AccountId, displaced: Option<SessionId> },
    Denied { reason: SlotDenial, streams: Option<u16> },
}

/// Sessions of one account take their slots one after the other.
pub(crate) fn rows(accounts: impl IntoIterator<Item = AccountId>) -> Rows {
    Rows::of("account", accounts.into_iter().map(|account| account.to_string()))
}

/// Returns the region and age if the account is open and has the device.
pub(crate) async fn want(
    db: &mut PgConnection,
    session: &PlaybackRequested,
    now: Timestamp,
) -> Result<Result<(Country, u8), SlotDenial>, Failure> {
    // Locked, so that the account's last rows go after this one.
    let account = sqlx::query(
        "select max_age, region, exists (
             select from device where device_id = $2 and account_id = $1) as is_known
         from account where account_id = $1 and closed_at is null for key share",
    )
    .bind(session.account_id.0)
    .bind(session.device_id.0)
    .fetch_optional(&mut *db)
    .await?;
    let Some(account) = account else { return Ok(Err(SlotDenial::NoAccount)) };
    if !account.try_get::<bool, _>("is_known")? {
        return Ok(Err(SlotDenial::UnknownDevice));
    }
    let (Text(region), max_age) =
        (account.try_get("region")?, account.try_get::<i16, _>("max_age")?);
    sqlx::query(
        "insert into slot (session_id, account_id, device_id, state, taken_at)
         values ($1, $2, $3, $4, $5)",
    )
    .bind(session.session_id.0)
    .bind(session.account_id.0)
    .bind(session.device_id.0)
    .bind(TextEnum(SlotState::Wanted))
    .bind(now.to_sqlx())
    .execute(db)
    .await?;
    Ok(Ok((region, u8::try_from(max_age)?)))
}

/// Takes the slot of the device's session before, a free one, or that of the oldest session if the plan stops it.
pub(crate) async fn take(
    db: &mut PgConnection,
    session_id: SessionId,
    now: Timestamp,
) -> Result<SlotOutcome, Failure> {
    // Locked first, so that the count includes the slot of the session before.
    let account = sqlx::query(
        "select account_id, slot.device_id, streams, live, at_limit
         from account join slot using (account_id)
         where session_id = $1 and state = 'wanted' and closed_at is null for update of account",
    )
    .bind(session_id.0)
    .fetch_optional(&mut *db)
    .await?;
    let Some(account) = account else {
        return Ok(SlotOutcome::Denied { reason: SlotDenial::NoAccount, streams: None });
    };
    let account_id = AccountId(account.try_get("account_id")?);
    let (streams, live): (i32, i32) = (account.try_get("streams")?, account.try_get("live")?);
    let TextEnum::<AtLimit>(at_limit) = account.try_get("at_limit")?;
    let device_id = DeviceId(account.try_get("device_id")?);
    let mut displaced = displace(db, account_id, Some(device_id), 1, now).await?.pop();
    if displaced.is_none() && live >= streams {
        if at_limit == AtLimit::Refuse {
            let streams = u16::try_from(streams).ok();
            return Ok(SlotOutcome::Denied { reason: SlotDenial::NoSlot, streams });
        }
        displaced = displace(db, account_id, None, 1, now).await?.pop();
    }
    sqlx::query("update slot set state = 'live', taken_at = $2 where session_id = $1")
        .bind(session_id.0)
        .bind(now.to_sqlx())
        .execute(db)
        .await?;
    Ok(SlotOutcome::Taken { account_id, displaced })
}

/// Takes the slots of so many of the oldest sessions of an account, or of one of its devices.
pub(crate) async fn displace(
    db: &mut PgConnection,
    account_id: AccountId,
    device_id: Option<DeviceId>,
    count: i64,
    now: Timestamp,
) -> Result<Vec<SessionId>, Failure> {
    let displaced: Vec<Uuid> = sqlx::query_scalar(
        "update slot set state = 'displaced', ended_at = $3
         where session_id in (
             select session_id from slot
             where account_id = $1 and state = 'live' and ($4::uuid is null or device_id = $4)
             order by taken_at, session_id limit $2
         )
         returning session_id",
    )
    .bind(account_id.0)
    .bind(count)
    .bind(now.to_sqlx())
    .bind(device_id.map(|device| device.0))
    .fetch_all(db)
    .await?;
    Ok(displaced.into_iter().map(SessionId).collect())
}

/// Leaves a missing or ended slot alone. The account's row is locked before the slot, as by a change of the plan; the
/// trigger alone would lock it after the slot.
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
         where slot.account_id = locked.account_id and session_id = $1
             and state in ('wanted', 'live')",
    )
    .bind(session_id.0)
    .bind(TextEnum(state))
    .bind(now.to_sqlx())
    .execute(db)
    .await?;
    Ok(())
}

/// Returns the locks of the accounts to which these sessions' slots belong.
pub(crate) async fn rows_of(
    db: &mut PgConnection,
    sessions: Vec<SessionId>,
) -> Result<Rows, Failure> {
    let accounts: Vec<Uuid> =
        sqlx::query_scalar("select distinct account_id from slot where session_id = any($1)")
            .bind(sessions.into_iter().map(|session| session.0).collect::<Vec<_>>())
            .fetch_all(db)
            .await?;
    Ok(rows(accounts.into_iter().map(AccountId)))
}
