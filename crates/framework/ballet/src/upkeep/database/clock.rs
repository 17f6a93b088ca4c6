//! Follows the database's clock, and reports how far this process's own is from it.

use std::sync::Arc;
use std::time::Duration;

use ballet_store::database::clock::read;
use sqlx::PgPool;
use tokio::sync::watch;

use crate::engine::shared_clock::SharedClock;
use crate::engine::stopping::waited;

const EVERY: Duration = Duration::from_secs(5);

pub(crate) async fn ask(pool: &PgPool, shared: &SharedClock) -> Result<(), sqlx::Error> {
    let (reading, asked, answered) = read(pool).await?;
    shared.observe(reading, asked, answered);
    let ahead = shared.ahead().unwrap_or_default();
    metrics::gauge!("ballet_clock_difference_seconds").set(ahead.as_secs_f64());
    Ok(())
}

pub(crate) async fn follow(
    pool: PgPool,
    shared: Arc<SharedClock>,
    mut stopping: watch::Receiver<bool>,
) {
    let mut doubted = false;
    loop {
        let doubt = shared.doubt();
        match &doubt {
            Some(why) if !doubted => tracing::error!("{why}"),
            None if doubted => tracing::info!("the clocks agree again; old rows are removed again"),
            Some(_) | None => {}
        }
        doubted = doubt.is_some();
        if !waited(&mut stopping, EVERY).await {
            return;
        }
        if let Err(error) = ask(&pool, &shared).await {
            tracing::debug!("the database does not tell its time: {error}");
        }
    }
}
