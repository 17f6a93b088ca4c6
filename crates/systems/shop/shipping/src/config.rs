//! The settings of the service `shipping`.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use common::outside::{Secrets, Webhooks, WrongSetting, connection};

use crate::carrier::Carrier;
use crate::remote::RemoteCarrier;
use crate::sandbox::Sandbox;

/// The settings of shipping, besides those of every service.
#[derive(Clone, Args)]
pub struct CarrierSettings {
    /// The carrier's API. Without it shipping uses the sandbox.
    #[arg(long, env = "CARRIER_URL", hide_env_values = true, value_name = "URL")]
    pub carrier_url: Option<String>,

    /// Our key at the carrier.
    #[arg(long, env = "CARRIER_KEY", hide_env_values = true, value_name = "KEY")]
    pub carrier_key: Option<String>,

    /// A file that holds the key, instead of the key itself. It is read for each request.
    #[arg(long, env = "CARRIER_KEY_FILE", value_name = "FILE", conflicts_with = "carrier_key")]
    pub carrier_key_file: Option<PathBuf>,

    /// CA certificates to trust for the carrier, in addition to the public ones.
    #[arg(long, env = "CARRIER_CA_FILE", value_name = "FILE")]
    pub carrier_ca_file: Option<PathBuf>,

    /// How long a request to the carrier may take, in milliseconds.
    #[arg(long, env = "CARRIER_MILLIS", default_value_t = 10_000, value_name = "MILLIS", value_parser = clap::value_parser!(u64).range(1..=14_000))]
    pub carrier_millis: u64,

    /// The secrets that the carrier may sign webhooks with, separated by commas.
    #[arg(long, env = "CARRIER_WEBHOOK_SECRETS", hide_env_values = true, value_name = "SECRETS")]
    pub carrier_webhook_secrets: Option<String>,

    /// A file that holds these secrets, one per line. It is read for each webhook.
    #[arg(
        long,
        env = "CARRIER_WEBHOOK_SECRETS_FILE",
        value_name = "FILE",
        conflicts_with = "carrier_webhook_secrets"
    )]
    pub carrier_webhook_secrets_file: Option<PathBuf>,

    /// How long the sandbox's deliveries take, in milliseconds: less than a call may.
    #[arg(long, env = "SANDBOX_TRANSIT_MILLIS", default_value_t = 200, value_name = "MILLIS", value_parser = clap::value_parser!(u64).range(..=25_000))]
    pub sandbox_transit_millis: u64,
}

impl CarrierSettings {
    /// Returns the carrier: the API if there is one, or else the sandbox.
    ///
    /// # Errors
    ///
    /// Returns an error if a setting of the API is missing or cannot be used.
    pub fn carrier(&self) -> Result<Arc<dyn Carrier>, WrongSetting> {
        let key = Secrets::key(
            "CARRIER_KEY",
            self.carrier_key.as_deref(),
            self.carrier_key_file.as_ref(),
        )?;
        let connection = connection(
            "CARRIER",
            self.carrier_url.as_deref(),
            key,
            self.carrier_ca_file.clone(),
            self.carrier_millis,
        )?;
        Ok(match connection {
            Some(connection) => Arc::new(RemoteCarrier::new(connection)?),
            None => Arc::new(self.sandbox()),
        })
    }

    /// Returns the sandbox.
    #[must_use]
    pub const fn sandbox(&self) -> Sandbox {
        Sandbox::new(Duration::from_millis(self.sandbox_transit_millis))
    }

    /// Returns the check of webhook signatures.
    ///
    /// # Errors
    ///
    /// Returns an error if the secrets cannot be used.
    pub fn webhooks(&self) -> Result<Webhooks, WrongSetting> {
        let (text, file) =
            (self.carrier_webhook_secrets.as_deref(), self.carrier_webhook_secrets_file.as_ref());
        Webhooks::of("CARRIER_WEBHOOK_SECRETS", text, file)
    }
}

impl std::fmt::Debug for CarrierSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CarrierSettings").finish_non_exhaustive()
    }
}
