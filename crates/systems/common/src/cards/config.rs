//! The settings of a service that takes payments through a card processor.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;

use crate::cards::provider::Provider;
use crate::cards::remote::RemoteProvider;
use crate::cards::sandbox::Sandbox;
use crate::outside::{Secrets, WrongSetting, connection};

/// The card processor, and how to reach it.
#[derive(Clone, Args)]
pub struct ProviderSettings {
    /// The payment provider's API. Without it the sandbox is used.
    #[arg(long, env = "PAYMENT_PROVIDER_URL", hide_env_values = true, value_name = "URL")]
    pub payment_provider_url: Option<String>,

    /// Our key at the payment provider.
    #[arg(long, env = "PAYMENT_PROVIDER_KEY", hide_env_values = true, value_name = "KEY")]
    pub payment_provider_key: Option<String>,

    /// A file that holds the key, instead of the key itself. It is read for each request.
    #[arg(
        long,
        env = "PAYMENT_PROVIDER_KEY_FILE",
        value_name = "FILE",
        conflicts_with = "payment_provider_key"
    )]
    pub payment_provider_key_file: Option<PathBuf>,

    /// CA certificates to trust for the payment provider, in addition to the public ones.
    #[arg(long, env = "PAYMENT_PROVIDER_CA_FILE", value_name = "FILE")]
    pub payment_provider_ca_file: Option<PathBuf>,

    /// How long a request to the payment provider may take, in milliseconds.
    #[arg(long, env = "PAYMENT_PROVIDER_MILLIS", default_value_t = 10_000, value_name = "MILLIS", value_parser = clap::value_parser!(u64).range(1..=14_000))]
    pub payment_provider_millis: u64,

    /// How long the sandbox takes to answer for `card_slow`, in milliseconds: less than a call may.
    #[arg(long, env = "SANDBOX_SLOW_MILLIS", default_value_t = 1_500, value_name = "MILLIS", value_parser = clap::value_parser!(u64).range(..=25_000))]
    pub sandbox_slow_millis: u64,
}

impl ProviderSettings {
    /// Returns the payment provider: the API if there is one, or else the sandbox.
    ///
    /// # Errors
    ///
    /// Returns an error if a setting of the API is missing or cannot be used.
    pub fn provider(&self, settings: &ballet::Settings) -> Result<Arc<dyn Provider>, WrongSetting> {
        let key = Secrets::key(
            "PAYMENT_PROVIDER_KEY",
            self.payment_provider_key.as_deref(),
            self.payment_provider_key_file.as_ref(),
        )?;
        let connection = connection(
            "PAYMENT_PROVIDER",
            self.payment_provider_url.as_deref(),
            key,
            self.payment_provider_ca_file.clone(),
            self.payment_provider_millis,
        )?;
        Ok(match connection {
            Some(connection) => Arc::new(RemoteProvider::new(connection)?),
            None => Arc::new(self.sandbox(settings)),
        })
    }

    /// Returns the sandbox.
    #[must_use]
    pub fn sandbox(&self, settings: &ballet::Settings) -> Sandbox {
        // Without a URL the service does not start, and reports why.
        let database_url = settings.database_url().unwrap_or_default();
        Sandbox::new(database_url).slow(Duration::from_millis(self.sandbox_slow_millis))
    }
}

impl std::fmt::Debug for ProviderSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ProviderSettings").finish_non_exhaustive()
    }
}
