//! The bodies of requests about riders, and their validation.

use ballet::core::personal::Personal;
use ballet::http::{Place, Problem};
use rides_events::check_text;
use rides_events::riders::Needs;
use schemars::JsonSchema;
use serde::Deserialize;

/// The data that a rider gives.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
pub(crate) struct AboutRider {
    /// The name by which the driver calls the rider.
    #[schemars(length(min = 1, max = 200))]
    pub(crate) name: Personal<String>,
    /// The payment provider's token for the rider's means of payment.
    #[schemars(length(min = 1, max = 200))]
    pub(crate) payment_token: Personal<String>,
    /// The rider's requirements of a car.
    #[serde(default = "any")]
    pub(crate) needs: Needs,
}

const fn any() -> Needs {
    Needs::Any
}

impl AboutRider {
    pub(crate) fn checked(self) -> Result<Self, Problem> {
        for (field, text) in [("name", &self.name), ("payment_token", &self.payment_token)] {
            check_text(text).map_err(|wrong| {
                Problem::unprocessable(format!("{field} {wrong}")).at(Place::body([field]))
            })?;
        }
        Ok(self)
    }
}
