//! The devices of accounts.

use ballet::Failure;
use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use sqlx::{PgConnection, PgExecutor};
use streaming_events::{AccountId, DeviceId};

use crate::account::Device;

pub(crate) const MAX_DEVICES: i64 = 100;

/// Adds one unless the account has too many. The caller has locked the account's row.
pub(crate) async fn add(
    db: &mut PgConnection,
    account_id: AccountId,
    device_id: DeviceId,
    name: &str,
    now: Timestamp,
) -> Result<bool, Failure> {
    let added = sqlx::query(
        "insert into device (device_id, account_id, name, added_at)
         select $1, $2, $3, $4
         where (select count(*) from device where account_id = $2) < $5",
    )
    .bind(device_id.0)
    .bind(account_id.0)
    .bind(name)
    .bind(now.to_sqlx())
    .bind(MAX_DEVICES)
    .execute(db)
    .await?;
    Ok(added.rows_affected() == 1)
}

/// Returns whether it existed.
pub(crate) async fn remove(
    db: &mut PgConnection,
    account_id: AccountId,
    device_id: DeviceId,
) -> Result<bool, Failure> {
    let removed = sqlx::query("delete from device where account_id = $1 and device_id = $2")
        .bind(account_id.0)
        .bind(device_id.0)
        .execute(db)
        .await?;
    Ok(removed.rows_affected() == 1)
}

/// Returns devices with the sessions that they play.
pub(crate) async fn list(
    db: impl PgExecutor<'_>,
    account_id: AccountId,
) -> Result<Vec<Device>, Failure> {
    let devices = sqlx::query_as(
        "select device_id, name, added_at, array(
             select session_id from slot
             where slot.account_id = $1 and slot.device_id = device.device_id and state = 'live'
             order by taken_at
         ) as sessions
         from device where account_id = $1 order by device_id",
    )
    .bind(account_id.0)
    .fetch_all(db)
    .await?;
    Ok(devices)
}
