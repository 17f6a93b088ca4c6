//! The bodies of requests, and their validation.

use ballet::core::personal::Personal;
use ballet::http::{Place, Problem};
use schemars::JsonSchema;
use serde::Deserialize;
use streaming_events::{AccountId, Country, DeviceId, Slug, check_text};

/// Matches a name and a host, without control characters.
const EMAIL: &str = r"^[^@\x00-\x1F\x7F-\x9F]+@[^\x00-\x1F\x7F-\x9F]+$";

/// The data of a person who signs up.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
pub(crate) struct NewAccount {
    /// The person's mail address.
    #[schemars(length(min = 3, max = 200), regex(pattern = EMAIL))]
    pub(crate) email: Personal<String>,
    /// The person's name.
    #[schemars(length(min = 1, max = 200))]
    pub(crate) name: Personal<String>,
    /// The plan, one that `GET /plans` lists.
    pub(crate) plan: Slug,
    /// The region whose titles the account may watch.
    pub(crate) region: Country,
}

/// Another plan for an account.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
pub(crate) struct NewPlan {
    /// The plan, one that `GET /plans` lists.
    pub(crate) plan: Slug,
}

/// Another device of an account.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
pub(crate) struct NewDevice {
    /// The name that the person gives it.
    #[schemars(length(min = 1, max = 200))]
    pub(crate) name: Personal<String>,
}

/// A device of an account.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
pub(crate) struct OneDevice {
    /// The account.
    pub(crate) account_id: AccountId,
    /// The device.
    pub(crate) device_id: DeviceId,
}

impl NewAccount {
    pub(crate) fn checked(self) -> Result<Self, Problem> {
        checked("email", &self.email)?;
        checked("name", &self.name)?;
        let parts = self.email.split_once('@');
        if parts.is_none_or(|(local, host)| local.is_empty() || host.is_empty()) {
            let detail = "email has no @ between a name and a host: send the whole address";
            return Err(Problem::unprocessable(detail).at(Place::body(["email"])));
        }
        Ok(self)
    }
}

pub(crate) fn checked(field: &'static str, text: &str) -> Result<(), Problem> {
    check_text(text).map_err(|wrong| {
        Problem::unprocessable(format!("{field} {wrong}")).at(Place::body([field]))
    })
}
