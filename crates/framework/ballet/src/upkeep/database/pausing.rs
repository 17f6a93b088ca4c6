//! Pauses consuming while the database is unavailable, and until the process follows its streams.
//!
//! Other replicas may still reach the database, and the broker takes back messages that are
//! unacknowledged for half an hour. Messages that are already in the lanes are handled later. Their
//! receipts do nothing, and the inbox drops the copies that the broker delivers again.

use std::sync::Arc;
use std::time::Duration;

use ballet_amqp::{Backoff, ConsumerHandle};
use tokio::sync::watch;
use tokio::sync::watch::error::RecvError;
use tokio::time::{Instant, sleep, timeout};

use crate::declare::handler::failure::Failure;
use crate::engine::database::{Database, WAIT_OF_REQUEST};
use crate::engine::stopping::stopped;

const EVERY: Duration = Duration::from_secs(2);
const AWAY: Duration = Duration::from_secs(10);
/// By then the lanes have handled their messages. So they never hold much more than one prefetch.
const BACK: Duration = Duration::from_secs(1);

/// Until `followed` ends, consuming stays paused, as the start has left it.
pub(crate) async fn run(
    database: Arc<Database>,
    consumer: Arc<ConsumerHandle>,
    followed: impl Future<Output = ()>,
    mut stopping: watch::Receiver<bool>,
) {
    let away = watch::Sender::new(false);
    let is_away = away.subscribe();
    let switch = async {
        followed.await;
        switch(is_away, &consumer).await;
    };
    tokio::select! {
        () = notice_outages(database.state(), away) => {}
        () = ask(&database) => {}
        () = switch => {}
        () = stopped(&mut stopping) => {}
    }
}

/// Pauses the consumer while the database is unavailable.
async fn switch(mut away: watch::Receiver<bool>, consumer: &ConsumerHandle) {
    loop {
        if *away.borrow_and_update() {
            consumer.pause();
        } else {
            consumer.resume();
        }
        if away.changed().await.is_err() {
            return;
        }
    }
}

/// Lanes and sweeper that wait for a frozen server, or behind a broken network, notice nothing. While it is away this
/// alone looks.
async fn ask(database: &Database) {
    let (mut refused, mut since, mut backoff) = (None, None, Backoff::DATABASE);
    let mut state = database.state();
    loop {
        if database.works().await {
            database.answers();
            (refused, since) = (None, None);
            backoff.reset();
            let is_lost = timeout(EVERY, state.wait_for(|answers| !*answers)).await.is_ok();
            if !is_lost {
                continue;
            }
        } else {
            database.is_away(&Failure::transient("it does not answer when it is asked"));
            // A request waits for a moment, as for a server that starts again.
            let since = *since.get_or_insert_with(Instant::now);
            database.close_doors(since.elapsed() >= WAIT_OF_REQUEST);
            // Known only when a new connection was refused, since the first look is over one that
            // was open.
            let refuses = database.probe.refusal().why().map(|(_, why)| why);
            if let Some(refuses) = refuses.as_ref().filter(|now| refused.as_ref() != Some(*now)) {
                tracing::warn!("the database {refuses}");
            }
            refused = refuses;
        }
        sleep(backoff.wait()).await;
    }
}

async fn notice_outages(mut database: watch::Receiver<bool>, away: watch::Sender<bool>) {
    while stays(&mut database, false, AWAY).await.is_ok() {
        tracing::warn!("the database has been away for {AWAY:?}; consuming is paused");
        away.send_replace(true);
        if stays(&mut database, true, BACK).await.is_err() {
            return;
        }
        tracing::info!("consuming resumes");
        away.send_replace(false);
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
                sleep(long / 2).await;
            }
        });
        result.expect_err("never long enough");
        set.send_replace(false);
        stays(&mut state, false, long).await.expect("stays now");
        drop(set);
        stays(&mut state, true, long).await.expect_err("nobody can set it any more");
    }
}
