//! Drops entries beyond the configured age.

use std::time::Duration;

use ballet_store::database::connection::in_long_time;
use jiff::SignedDuration;
use sqlx::PgPool;

use crate::store::days;

const EVERY: Duration = Duration::from_secs(60);

pub(crate) async fn keep_up(pool: PgPool, keep: SignedDuration) {
    loop {
        let dropped = async {
            let mut db = pool.acquire().await?;
            days::drop_old(&mut db, keep).await
        };
        if let Err(error) = in_long_time(dropped).await {
            tracing::warn!("old entries cannot be dropped: {error}");
        }
        tokio::time::sleep(EVERY).await;
    }
}
