//! The violations of properties, on their way from the monitor into the database.

use std::sync::Arc;
use std::time::Duration;

use ballet_amqp::Broker;
use ballet_ops::monitor::{Monitor, Violation, WatchedJournal};
use ballet_store::database::connection::in_time;
use sqlx::PgPool;
use tokio::time::{sleep, timeout};

use crate::store::times::times;
use crate::store::violations;

const WRITE_EVERY: Duration = Duration::from_secs(1);
/// What was found does not wait longer for the journal's end.
const LONGEST_LOOK: Duration = Duration::from_secs(2);

/// Writes what is found, forever. Without its database the console keeps the last ones.
pub(crate) async fn write(watched: Arc<WatchedJournal>, pool: PgPool, broker: Arc<dyn Broker>) {
    let mut unwritten: Vec<Violation> = Vec::new();
    loop {
        sleep(WRITE_EVERY).await;
        // By the database's clock, as this process's may be wrong.
        if let Ok((now, _)) = in_time(times(&pool)).await {
            match timeout(LONGEST_LOOK, watched.look(&broker, now)).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::debug!("the journal's end is not known: {error}"),
                Err(_) => tracing::debug!("the broker does not say where the journal ends"),
            }
        }
        unwritten.extend(watched.with(Monitor::found));
        let excess = unwritten.len().saturating_sub(violations::MOST);
        unwritten.drain(..excess);
        if unwritten.is_empty() {
            continue;
        }
        match in_time(violations::add(&pool, &unwritten)).await {
            Ok(()) => {
                for one in &unwritten {
                    tracing::warn!(saga = ?one.saga, "{}: {}", one.property.as_str(), one.says);
                }
                unwritten.clear();
            }
            Err(error) => tracing::warn!("violations cannot be written: {error}"),
        }
    }
}
