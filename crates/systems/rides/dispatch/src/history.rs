//! The status changes of a ride, as its watchers get them.

use ballet::openapi::History;
use jiff::Timestamp;
use rides_events::access::Riders;
use rides_events::dispatch::CancelReason;
use rides_events::{DriverId, RideId, RiderId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sqlx::postgres::PgRow;
use sqlx::types::Json;
use sqlx::{FromRow, Row};

use crate::ride::RideStatus;

#[derive(Debug, Clone)]
pub(crate) struct RideHistory {
    pub(crate) ride_id: RideId,
    pub(crate) rider_id: RiderId,
    changes: Vec<StatusChange>,
}

/// A change of a ride's status.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub(crate) struct StatusChange {
    /// The ride.
    ride_id: RideId,
    /// The new status.
    status: RideStatus,
    /// The number of drivers who were asked.
    attempt: i16,
    /// The driver, once one has accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    driver_id: Option<DriverId>,
    /// Why the ride is cancelled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reason: Option<CancelReason>,
    /// When the status changed.
    changed_at: Timestamp,
}

impl History for RideHistory {
    type Id = RideId;
    type Owners = Riders;
    type Change = StatusChange;
    const THINGS: &'static str = "rides";
    const SETTING: &'static str = "RIDE_WATCHERS";

    fn id(&self) -> RideId {
        self.ride_id
    }

    fn last(&self) -> u32 {
        u32::try_from(self.changes.len()).unwrap_or(u32::MAX)
    }

    fn has_ended(&self) -> bool {
        let last = self.changes.last();
        last.is_some_and(|last| {
            matches!(last.status, RideStatus::Completed | RideStatus::Cancelled)
        })
    }

    fn after(&self, number: u32) -> impl Iterator<Item = (u32, StatusChange)> {
        (1..).zip(self.changes.iter().cloned()).filter(move |(one, _)| *one > number)
    }
}

impl FromRow<'_, PgRow> for RideHistory {
    fn from_row(row: &PgRow) -> sqlx::Result<Self> {
        let Json(changes) = row.try_get("history")?;
        Ok(Self {
            ride_id: RideId(row.try_get("ride_id")?),
            rider_id: RiderId(row.try_get("rider_id")?),
            changes,
        })
    }
}
