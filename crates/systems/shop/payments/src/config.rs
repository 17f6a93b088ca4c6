//! The settings of the service `payments`.

use std::path::PathBuf;

use clap::Args;
use common::cards::ProviderSettings;
use common::outside::{Webhooks, WrongSetting};

/// The settings of payments, besides those of every service.
#[derive(Clone, Args)]
pub struct PaymentSettings {
    /// The card processor, and how to reach it.
    #[command(flatten)]
    pub provider: ProviderSettings,

    /// The secrets that the payment provider may sign webhooks with, separated by commas.
    #[arg(long, env = "PAYMENT_WEBHOOK_SECRETS", hide_env_values = true, value_name = "SECRETS")]
    pub payment_webhook_secrets: Option<String>,

    /// A file that holds these secrets, one per line. It is read for each webhook.
    #[arg(
        long,
        env = "PAYMENT_WEBHOOK_SECRETS_FILE",
        value_name = "FILE",
        conflicts_with = "payment_webhook_secrets"
    )]
    pub payment_webhook_secrets_file: Option<PathBuf>,
}

impl PaymentSettings {
    /// Returns the check of webhook signatures.
    ///
    /// # Errors
    ///
    /// Returns an error if the secrets cannot be used.
    pub fn webhooks(&self) -> Result<Webhooks, WrongSetting> {
        let (text, file) =
            (self.payment_webhook_secrets.as_deref(), self.payment_webhook_secrets_file.as_ref());
        Webhooks::of("PAYMENT_WEBHOOK_SECRETS", text, file)
    }
}

impl std::fmt::Debug for PaymentSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PaymentSettings").finish_non_exhaustive()
    }
}
