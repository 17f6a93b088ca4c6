//! The check of webhook signatures.

use std::path::PathBuf;

use axum::http::StatusCode;
use ballet::http::Problem;
use ballet_http::signature::{Secrets, VALID, WrongSetting};
use jiff::Timestamp;

/// In characters.
const SHORTEST: usize = 16;

/// Checks the signatures of webhooks by the secrets of their senders.
#[derive(Debug, Clone)]
pub struct Webhooks {
    secrets: Option<Secrets>,
    setting: &'static str,
}

impl Webhooks {
    /// Accepts webhooks that one of these secrets has signed. `setting` is where the secrets come from.
    #[must_use]
    pub const fn signed_with(secrets: Option<Secrets>, setting: &'static str) -> Self {
        Self { secrets, setting }
    }

    /// Accepts webhooks signed by a secret of this setting, or of a file; none if both are missing.
    ///
    /// # Errors
    ///
    /// Returns an error if the secrets cannot be used.
    pub fn of(
        setting: &'static str,
        text: Option<&str>,
        file: Option<&PathBuf>,
    ) -> Result<Self, WrongSetting> {
        Ok(Self::signed_with(Secrets::of(setting, text, file, SHORTEST)?, setting))
    }

    /// Refuses with 401.
    pub(crate) async fn check(
        &self,
        header: Option<&str>,
        now: Timestamp,
        body: &[u8],
    ) -> Result<(), Problem> {
        let refused = |why: &str| Problem::new(StatusCode::UNAUTHORIZED, why);
        let Some(secrets) = &self.secrets else {
            let setting = self.setting;
            return Err(refused(&format!("no webhook is believed: {setting} is not set")));
        };
        let secrets = secrets.read().await.map_err(|why| {
            tracing::error!("{}: {why}", self.setting);
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, "the secrets cannot be read")
        })?;
        let Some(header) = header else {
            return Err(refused("there is no single header Webhook-Signature"));
        };
        let now = now.as_second();
        ballet_http::signature::check(&secrets, header, now, VALID, body).map_err(refused)
    }
}

#[cfg(test)]
mod tests {
    use ballet_http::signature::sign;

    use super::*;

    #[tokio::test]
    async fn t228_two_secrets_count_at_once_and_one_that_is_taken_away_no_longer() {
        let file = std::env::temp_dir().join(format!("ballet-webhook-{}", std::process::id()));
        let write = |secrets: &str| std::fs::write(&file, secrets).unwrap();
        let [old, new] = ["o", "n"].map(|letter| letter.repeat(32));
        write(&old);
        let secrets = Secrets::of("A_SECRET", None, Some(&PathBuf::from(&file)), 32).unwrap();
        let webhooks = Webhooks::signed_with(secrets, "A_SECRET");
        let now = Timestamp::UNIX_EPOCH;
        let counts = async |secret: &str| {
            let signature = sign(secret, now.as_second(), b"{}");
            webhooks.check(Some(&signature), now, b"{}").await.is_ok()
        };
        assert_eq!((counts(&old).await, counts(&new).await), (true, false));
        write(&format!("{new}\n{old}\n"));
        assert_eq!((counts(&old).await, counts(&new).await), (true, true));
        write(&new);
        assert_eq!((counts(&old).await, counts(&new).await), (false, true));
        std::fs::remove_file(&file).unwrap();
    }
}
