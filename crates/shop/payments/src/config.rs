//! The settings of the service `payments`.

use std::time::Duration;

use clap::Args;

use crate::sandbox::Sandbox;

/// The settings of payments, besides those of every service.
#[derive(Debug, Clone, Args)]
pub struct ProviderSettings {
    /// How long the sandbox takes to answer for `card_slow`, in milliseconds.
    #[arg(long, env = "SANDBOX_SLOW_MILLIS", default_value_t = 1_500, value_name = "MILLIS")]
    pub sandbox_slow_millis: u64,
}

impl ProviderSettings {
    /// The payment provider.
    #[must_use]
    pub fn provider(&self, settings: &ballet::Settings) -> Sandbox {
        // Without a URL the service does not start and reports it.
        let database_url = settings.database_url().unwrap_or_default();
        Sandbox::new(database_url).slow(Duration::from_millis(self.sandbox_slow_millis))
    }
}
