//! Accounts, plans, devices and closures as they are stored and shown.

use ballet::TextEnum;
use ballet::core::personal::Personal;
use common::rows::{Time, time};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sqlx::postgres::PgRow;
use sqlx::types::Text;
use sqlx::{FromRow, Row};
use streaming_events::{AccountId, ClosureId, Country, DeviceId, SessionId, Slug, accounts};

/// A plan.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct Plan {
    /// The plan.
    pub(crate) plan: String,
    /// The number of streams at once.
    pub(crate) streams: i32,
    /// The rule at the limit.
    pub(crate) at_limit: AtLimit,
    /// The age up to which the plan shows titles.
    pub(crate) max_age: i16,
}

/// The rule for a further stream at the limit of a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AtLimit {
    /// The further stream is refused.
    Refuse,
    /// The oldest stream ends.
    StopOldest,
}

/// An account.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(rename = "Account")]
pub(crate) struct StoredAccount {
    /// The account.
    pub(crate) account_id: AccountId,
    /// The version. It grows with each change.
    pub(crate) version: i64,
    /// The plan.
    pub(crate) plan: Slug,
    /// The number of streams at once.
    pub(crate) streams: i32,
    /// The number of streams at the moment.
    pub(crate) live: i32,
    /// The region whose titles the account may watch.
    pub(crate) region: Country,
    /// The address of the person. A closed account has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) email: Option<Personal<String>>,
    /// The name of the person. A closed account has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<Personal<String>>,
    /// When the account was opened.
    pub(crate) opened_at: Timestamp,
    /// When the account was changed last.
    pub(crate) changed_at: Timestamp,
    /// When the account was closed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) closed_at: Option<Timestamp>,
}

impl StoredAccount {
    /// Leaves out the person's data.
    pub(crate) fn event(&self) -> accounts::Account {
        accounts::Account {
            account_id: self.account_id,
            version: self.version,
            plan: self.plan.clone(),
            streams: u16::try_from(self.streams).unwrap_or(u16::MAX),
            region: self.region,
            opened_at: self.opened_at,
            changed_at: self.changed_at,
        }
    }
}

/// A device of an account.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct Device {
    /// The device.
    pub(crate) device_id: DeviceId,
    /// The name that the person gave it.
    pub(crate) name: Personal<String>,
    /// When the device was added.
    pub(crate) added_at: Timestamp,
    /// The sessions that the device plays at the moment. Each can be stopped from another device.
    pub(crate) sessions: Vec<SessionId>,
}

/// The closure of an account.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct Closure {
    /// The closure.
    pub(crate) closure_id: ClosureId,
    /// The account.
    pub(crate) account_id: AccountId,
    /// When the account was closed.
    pub(crate) closed_at: Timestamp,
    /// The time by which every service has to erase the account's data.
    pub(crate) due_at: Timestamp,
    /// The services that have not confirmed the erasure.
    pub(crate) missing: Vec<String>,
    /// When all services had confirmed the erasure.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) erased_at: Option<Timestamp>,
}

common::row! { Plan: plan, streams, at_limit as TextEnum, max_age }

fn personal(row: &PgRow, column: &str) -> sqlx::Result<Option<Personal<String>>> {
    row.try_get(column).map(|value: Option<String>| value.map(Personal))
}

common::row! { StoredAccount:
    account_id, version, plan as Text, streams, live, region as Text, email as (personal "email"),
    name as (personal "name"), opened_at as Time, changed_at as Time, closed_at as [Time],
}

impl FromRow<'_, PgRow> for Device {
    fn from_row(row: &PgRow) -> sqlx::Result<Self> {
        Ok(Self {
            device_id: row.try_get("device_id")?,
            name: Personal(row.try_get("name")?),
            added_at: time(row, "added_at")?,
            sessions: row.try_get("sessions")?,
        })
    }
}

common::row! { Closure:
    closure_id, account_id, closed_at as Time, due_at as Time, missing, erased_at as [Time],
}
