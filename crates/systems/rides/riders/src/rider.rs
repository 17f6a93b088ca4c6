//! A rider as it is stored and shown.

use ballet::TextEnum;
use ballet::core::personal::Personal;
use common::rows::time;
use jiff::Timestamp;
use rides_events::RiderId;
use rides_events::riders::{Needs, Rider};
use schemars::JsonSchema;
use serde::Serialize;
use sqlx::postgres::PgRow;
use sqlx::{FromRow, Row};

/// A rider.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct RegisteredRider {
    #[serde(flatten)]
    pub(crate) rider: Rider,
    /// When the rider was registered.
    pub(crate) registered_at: Timestamp,
    /// When something was changed last.
    pub(crate) changed_at: Timestamp,
}

impl FromRow<'_, PgRow> for RegisteredRider {
    fn from_row(row: &PgRow) -> sqlx::Result<Self> {
        let TextEnum(needs): TextEnum<Needs> = row.try_get("needs")?;
        let rating: i16 = row.try_get("rating")?;
        let rider = Rider {
            rider_id: RiderId(row.try_get("rider_id")?),
            version: row.try_get("version")?,
            name: Personal(row.try_get("name")?),
            payment_token: Personal(row.try_get("payment_token")?),
            rating: u8::try_from(rating).unwrap_or_default(),
            needs,
        };
        let (registered_at, changed_at) = (time(row, "registered_at")?, time(row, "changed_at")?);
        Ok(Self { rider, registered_at, changed_at })
    }
}
