//! The rows that the audit reads: the sessions first, so that the others are not older.

use std::collections::BTreeMap;

use ballet_ops::audit::connect;
use common::rows::all;
use jiff::Timestamp;
use serde::Deserialize;
use sqlx::types::Uuid;

#[derive(Debug, Default)]
pub(super) struct StreamingSnapshot {
    /// The time by the clock of playback's database.
    pub(super) read_at: Timestamp,
    pub(super) sessions: Vec<AuditedSession>,
    pub(super) slots: BTreeMap<Uuid, String>,
    pub(super) licenses: BTreeMap<Uuid, String>,
    pub(super) accounts: Vec<AuditedAccount>,
    pub(super) counted_seconds: i64,
    /// Rows that services still have of erased accounts.
    pub(super) left: Vec<(Uuid, &'static str)>,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct AuditedSession {
    pub(super) session_id: Uuid,
    pub(super) status: String,
    pub(super) ending: Option<String>,
    /// When the session started, or was requested.
    pub(super) since: Timestamp,
    pub(super) ended_at: Option<Timestamp>,
    pub(super) watched_seconds: i32,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct AuditedAccount {
    pub(super) account_id: Uuid,
    pub(super) streams: i32,
    pub(super) live: i32,
    /// The number of live slots, as counted from the slots.
    pub(super) live_slots: i64,
}

pub(super) async fn read(databases: &BTreeMap<String, String>) -> sqlx::Result<StreamingSnapshot> {
    let mut playback = connect(databases, "playback").await?;
    let mut accounts = connect(databases, "accounts").await?;
    let mut titles = connect(databases, "titles").await?;
    let (read_at,): (jiff_sqlx::Timestamp,) =
        sqlx::query_as("select clock_timestamp()").fetch_one(&mut playback).await?;
    let sessions = "select session_id, status, ending, coalesce(started_at, requested_at) as since,
            ended_at, watched_seconds
        from session";
    let sessions = all(&mut playback, sessions).await?;
    let slots: Vec<(Uuid, String)> =
        sqlx::query_as("select session_id, state from slot").fetch_all(&mut accounts).await?;
    let licenses: Vec<(Uuid, String)> =
        sqlx::query_as("select session_id, state from license").fetch_all(&mut titles).await?;
    let rows = "select account_id, streams, live,
            (select count(*) from slot
             where slot.account_id = account.account_id and state = 'live') as live_slots
        from account";
    let rows = all(&mut accounts, rows).await?;
    let erased: Vec<Uuid> =
        sqlx::query_scalar("select account_id from closure where erased_at is not null")
            .fetch_all(&mut accounts)
            .await?;
    let mut analytics = connect(databases, "analytics").await?;
    let counted_seconds = sqlx::query_scalar(
        "select coalesce(sum(watched_seconds + corrected_seconds), 0)::bigint from title_hour",
    )
    .fetch_one(&mut analytics)
    .await?;
    let mut left = Vec::new();
    for (service, db, held) in [
        (
            "accounts",
            &mut accounts,
            "select account_id from (
             select account_id from account union all select account_id from slot
             union all select account_id from device) as held where account_id = any($1)",
        ),
        (
            "playback",
            &mut playback,
            "select account_id from (
             select account_id from session union all select account_id from position)
             as held where account_id = any($1)",
        ),
    ] {
        let held: Vec<Uuid> = sqlx::query_scalar(held).bind(&erased).fetch_all(&mut *db).await?;
        left.extend(held.into_iter().map(|account| (account, service)));
    }
    Ok(StreamingSnapshot {
        read_at: read_at.to_jiff(),
        sessions,
        slots: slots.into_iter().collect(),
        licenses: licenses.into_iter().collect(),
        accounts: rows,
        counted_seconds,
        left,
    })
}
