//! The received webhooks.

use ballet::Failure;
use sqlx::PgExecutor;

use crate::webhook::{EXPIRED, REVERSED};

/// Returns why it ended by itself, if the provider said so.
pub(crate) async fn ended(
    db: impl PgExecutor<'_>,
    reference: &str,
) -> Result<Option<&'static str>, Failure> {
    let ended: Option<String> = sqlx::query_scalar(
        "select type from webhook where reference = $1 and type = any($2)
         order by received_at limit 1",
    )
    .bind(reference)
    .bind(&[EXPIRED, REVERSED][..])
    .fetch_optional(db)
    .await?;
    Ok(ended.map(|ended| match ended.as_str() {
        EXPIRED => "authorization_expired",
        _ => "authorization_reversed",
    }))
}
