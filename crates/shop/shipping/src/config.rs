//! The settings of shipping's own.

use std::time::Duration;

use clap::Args;

use crate::sandbox::Sandbox;

/// What shipping is told besides what every service is.
#[derive(Debug, Clone, Args)]
pub struct CarrierSettings {
    /// How long the sandbox's parcels are on their way, in milliseconds.
    #[arg(long, env = "SANDBOX_TRANSIT_MILLIS", default_value_t = 200, value_name = "MILLIS")]
    pub sandbox_transit_millis: u64,
}

impl CarrierSettings {
    /// The carrier that is to be asked.
    #[must_use]
    pub const fn carrier(&self) -> Sandbox {
        Sandbox::new(Duration::from_millis(self.sandbox_transit_millis))
    }
}
