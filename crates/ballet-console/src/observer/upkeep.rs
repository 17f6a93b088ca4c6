//! Drops entries beyond the configured age, and stores what hangs at each minute.

use std::time::Duration;

use ballet::Clock;
use ballet_store::database::connection::{in_long_time, in_time};
use jiff::SignedDuration;
use sqlx::PgPool;
use tokio::sync::watch;

use crate::observer::system_findings::SystemFindings;
use crate::store::moments::{self, Moment};
use crate::store::{counts, days};

const EVERY: Duration = Duration::from_secs(60);

/// Drops old days while the console runs.
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

/// Stores what hangs at each minute while the console runs.
pub(crate) async fn keep_moments(
    pool: PgPool,
    clock: Clock,
    found: watch::Receiver<SystemFindings>,
) {
    loop {
        let (now, hindrances, places) = {
            let found = found.borrow();
            (clock.now(), found.hindrances.clone(), found.places())
        };
        let kept = async {
            let causes = counts::causes(&pool, &places).await?;
            moments::keep(&pool, now, &Moment { causes, hindrances }).await
        };
        if let Err(error) = in_time(kept).await {
            tracing::warn!("what hangs at this minute cannot be kept: {error}");
        }
        let left = 60 - now.as_second().rem_euclid(60);
        tokio::time::sleep(Duration::from_secs(u64::try_from(left).unwrap_or(60))).await;
    }
}
