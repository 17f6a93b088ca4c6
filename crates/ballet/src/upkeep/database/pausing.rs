//! Pauses consuming while the database is away, while a person wants it, and until the process follows its streams.
//!
//! Other replicas may still reach the database, and the broker takes back messages that are
//! unacknowledged for half an hour. Messages that are already in the lanes are handled later: their
//! receipts do nothing, and the inbox drops the copies that the broker delivers again.

use std::sync::Arc;
use std::time::Duration;

use ballet_amqp::ConsumerHandle;
use ballet_store::operators::service_pause::{self, ServicePause};
use tokio::sync::watch;
use tokio::sync::watch::error::RecvError;
use tokio::time::timeout;

use crate::declare::handler::failure::Failure;
use crate::engine::database::Database;
use crate::engine::stopping::stopped;

const EVERY: Duration = Duration::from_secs(2);
const PATIENCE: Duration = Duration::from_secs(5);
const AWAY: Duration = Duration::from_secs(10);
/// By then the lanes have handled their messages. So they never hold much more than one prefetch.
const BACK: Duration = Duration::from_secs(1);

/// Pauses and resumes consuming, until the service stops. `paused` tells readiness that a person has paused it. Until
/// `followed` ends, consuming stays paused, as the start has left it.
pub(crate) async fn run(
    database: Arc<Database>,
    consumer: Arc<ConsumerHandle>,
    paused: watch::Sender<Option<ServicePause>>,
    followed: impl Future<Output = ()>,
    mut stopping: watch::Receiver<bool>,
) {
    let away = watch::Sender::new(false);
    let (is_away, is_paused) = (away.subscribe(), paused.subscribe());
    let switch = async {
        followed.await;
        switch(is_away, is_paused, &consumer).await;
    };
    tokio::select! {
        () = notice_outages(database.state(), away) => {}
        () = ask(&database) => {}
        () = follow_person(&database, paused) => {}
        () = switch => {}
        () = stopped(&mut stopping) => {}
    }
}

/// Whatever pauses it ends last lets it go on.
async fn switch(
    mut away: watch::Receiver<bool>,
    mut paused: watch::Receiver<Option<ServicePause>>,
    consumer: &ConsumerHandle,
) {
    loop {
        let (is_away, is_paused) =
            (*away.borrow_and_update(), paused.borrow_and_update().is_some());
        if is_away || is_paused {
            consumer.pause();
        } else {
            consumer.resume();
        }
        let changed = tokio::select! {
            changed = away.changed() => changed,
            changed = paused.changed() => changed,
        };
        if changed.is_err() {
            return;
        }
    }
}

/// Looks regularly whether a person has paused the service, which the start has looked for. A database that does not
/// answer changes nothing.
async fn follow_person(database: &Database, paused: watch::Sender<Option<ServicePause>>) {
    loop {
        tokio::time::sleep(EVERY).await;
        let now =
            async { service_pause::in_own_database(&mut *database.upkeep.acquire().await?).await };
        if let Ok(Ok(now)) = timeout(PATIENCE, now).await {
            paused.send_if_modified(|before| {
                let is_new = *before != now;
                match &now {
                    Some(now) if is_new => tracing::warn!("the service takes no messages: {now}"),
                    None if is_new => tracing::info!("the service is resumed"),
                    _ => {}
                }
                *before = now;
                is_new
            });
        }
    }
}

/// Checks the database regularly. Lanes and sweeper that wait for a frozen server, or behind a
/// broken network, notice nothing.
async fn ask(database: &Database) {
    let mut refused = None;
    loop {
        if database.works().await {
            database.answers();
            refused = None;
        } else {
            database.is_away(&Failure::transient("it does not answer when it is asked"));
            // Known only when a new connection was refused: the first look is over one that was open.
            let refuses = database.probe.refusal().why().map(|(_, why)| why);
            if let Some(refuses) = refuses.as_ref().filter(|now| refused.as_ref() != Some(*now)) {
                tracing::warn!("the database {refuses}");
            }
            refused = refuses;
        }
        tokio::time::sleep(EVERY).await;
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
