//! Whose webhooks are believed.

use axum::http::StatusCode;
use ballet::http::Problem;
use ballet_signature::Secrets;
use jiff::Timestamp;

/// The secrets of those who may send webhooks.
#[derive(Debug, Clone)]
pub struct Webhooks {
    secrets: Option<Secrets>,
    setting: &'static str,
}

impl Webhooks {
    /// Webhooks that one of these secrets has signed. Without secrets none is believed. `setting`
    /// is where the secrets come from.
    #[must_use]
    pub const fn signed_with(secrets: Option<Secrets>, setting: &'static str) -> Self {
        Self { secrets, setting }
    }

    /// Refuses a body that is not signed as it should be, with 401.
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
        ballet_signature::check(&secrets, header, now.as_second(), body).map_err(refused)
    }
}
