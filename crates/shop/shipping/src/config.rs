//! The settings of the service `shipping`.

use std::time::Duration;

use clap::Args;

use crate::sandbox::Sandbox;

/// The settings of shipping, besides those of every service.
#[derive(Debug, Clone, Args)]
pub struct CarrierSettings {
    /// How long the sandbox's deliveries take, in milliseconds.
    #[arg(long, env = "SANDBOX_TRANSIT_MILLIS", default_value_t = 200, value_name = "MILLIS")]
    pub sandbox_transit_millis: u64,
}

impl CarrierSettings {
    /// The carrier.
    #[must_use]
    pub const fn carrier(&self) -> Sandbox {
        Sandbox::new(Duration::from_millis(self.sandbox_transit_millis))
    }
}
