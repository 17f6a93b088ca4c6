//! Pauses consuming while the database is away.
//!
//! Other replicas may still reach the database, and the broker takes back messages that are
//! unacknowledged for half an hour. Messages that are already in the lanes are handled later: their
//! receipts do nothing, and the inbox drops the copies that the broker delivers again.

use std::sync::Arc;
use std::time::Duration;

use ballet_amqp::ConsumerHandle;
use tokio::sync::watch;
use tokio::sync::watch::error::RecvError;
use tokio::time::timeout;

use crate::declare::handler::failure::Failure;
use crate::engine::database::Database;
use crate::engine::stopping::stopped;

const EVERY: Duration = Duration::from_secs(2);
const AWAY: Duration = Duration::from_secs(10);
/// By then the lanes have handled their messages. So they never hold much more than one prefetch.
const BACK: Duration = Duration::from_secs(1);

/// Pauses and resumes consuming, until the service stops.
pub(crate) async fn run(
    database: Arc<Database>,
    consumer: Arc<ConsumerHandle>,
    mut stopping: watch::Receiver<bool>,
) {
    tokio::select! {
        () = pause_without_database(database.state(), consumer) => {}
        () = ask(&database) => {}
        () = stopped(&mut stopping) => {}
    }
}

/// Checks the database regularly. Lanes and sweeper that wait for a frozen server, or behind a
/// broken network, notice nothing.
async fn ask(database: &Database) {
    loop {
        if database.works().await {
            database.answers();
        } else {
            database.is_away(&Failure::transient("it does not answer when it is asked"));
        }
        tokio::time::sleep(EVERY).await;
    }
}

async fn pause_without_database(
    mut database: watch::Receiver<bool>,
    consumer: Arc<ConsumerHandle>,
) {
    while stays(&mut database, false, AWAY).await.is_ok() {
        tracing::warn!("the database has been away for {AWAY:?}; consuming is paused");
        consumer.pause();
        if stays(&mut database, true, BACK).await.is_err() {
            return;
        }
        tracing::info!("consuming resumes");
        consumer.resume();
    }
}

/// Returns when the state has had this value for the given time.
async fn stays(
    state: &mut watch::Receiver<bool>,
    value: bool,
    long: Duration,
) -> Result<(), RecvError> {
    loop {
        state.wait_for(|now| *now == value).await?;
        match timeout(long, state.wait_for(|now| *now != value)).await {
            Ok(changed) => drop(changed?),
            Err(_unchanged) => return Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_state_that_comes_and_goes_does_not_stay() {
        let long = Duration::from_millis(50);
        let (set, mut state) = watch::channel(true);
        let (result, ()) = tokio::join!(timeout(long * 4, stays(&mut state, false, long)), async {
            for turn in 0..10 {
                set.send_replace(turn % 2 == 0);
                tokio::time::sleep(long / 2).await;
            }
        });
        result.expect_err("never long enough");
        set.send_replace(false);
        stays(&mut state, false, long).await.expect("stays now");
        drop(set);
        stays(&mut state, true, long).await.expect_err("nobody can set it any more");
    }
}
