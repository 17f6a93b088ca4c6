//! The service's database: its connections, and whether it answers.

use std::time::Duration;

use ballet_store::database::hosts::Hosts;
use ballet_store::database::probe::Probe;
use ballet_store::database::renewal::Renewal;
use sqlx::postgres::PgConnectOptions;
use sqlx::{PgConnection, PgPool};
use tokio::sync::watch;

use crate::declare::handler::database_wait::answered;
use crate::declare::handler::failure::Failure;
use crate::engine::stopping::stopped;

/// How long a request waits for a connection. A caller had better try again than wait for long.
pub(crate) const WAIT_OF_REQUEST: Duration = Duration::from_secs(3);
/// A folder of a socket that cannot be, so that whoever asks a pool for a new connection gets an error at once. `Failure`
/// knows it.
const NOWHERE: &str = "/dev/null";

/// The connections of a service to its database. Lanes, requests and upkeep each have a pool, so
/// that none waits for the others' connections.
pub(crate) struct Database {
    pub(crate) lanes: PgPool,
    pub(crate) requests: PgPool,
    pub(crate) upkeep: PgPool,
    pub(crate) probe: Probe,
    hosts: Hosts,
    pub(crate) renewal: Renewal,
    state: watch::Sender<bool>,
    stopping: watch::Receiver<bool>,
}

impl Database {
    pub(crate) fn new(
        [lanes, requests, upkeep]: [PgPool; 3],
        hosts: Hosts,
        renewal: Renewal,
        stopping: watch::Receiver<bool>,
    ) -> Self {
        let (state, _) = watch::channel(true);
        let probe = Probe::new(hosts.clone());
        Self { lanes, requests, upkeep, probe, hosts, renewal, state, stopping }
    }

    pub(crate) const fn pools(&self) -> [&PgPool; 3] {
        [&self.lanes, &self.requests, &self.upkeep]
    }

    pub(crate) fn state(&self) -> watch::Receiver<bool> {
        self.state.subscribe()
    }

    /// The log says when the database answers again.
    pub(crate) fn answers(&self) {
        if self.now_answers(true) {
            tracing::info!("the database answers again");
        }
    }

    /// The log says so once, not once for each task that notices.
    pub(crate) fn is_away(&self, why: &Failure) {
        if self.now_answers(false) {
            tracing::warn!("the database is away, and what needs it waits: {why}");
        }
    }

    /// Returns true if this is news.
    fn now_answers(&self, answers: bool) -> bool {
        self.state.send_if_modified(|before| {
            if answers && !*before {
                connect_to(&self.pools(), &self.hosts.options());
            }
            std::mem::replace(before, answers) != answers
        })
    }

    /// Lets the pools of a database that is away open no connection: one look after the other knocks for all. sqlx
    /// itself would knock some ten times for each task that asks.
    pub(crate) fn close_doors(&self, of_requests: bool) {
        self.state.send_if_modified(|answers| {
            if !*answers {
                let nowhere = self.hosts.options().socket(NOWHERE);
                connect_to(&[&self.lanes, &self.upkeep], &nowhere);
                if of_requests {
                    connect_to(&[&self.requests], &nowhere);
                }
            }
            false
        });
    }

    /// Goes on with the server that takes writes now.
    pub(crate) fn replace_server(&self) {
        connect_to(&self.pools(), &self.hosts.options());
        self.renewal.replace_server();
    }

    /// Asks whether it works, within a few seconds. After an outage it has to show that it takes
    /// writes.
    pub(crate) async fn works(&self) -> bool {
        let worked = *self.state.borrow();
        if worked { self.probe.answers().await } else { self.probe.works().await }
    }

    pub(crate) async fn ask<T>(
        &self,
        ask: impl AsyncFnOnce(&mut PgConnection) -> Result<T, sqlx::Error>,
    ) -> Result<T, Failure> {
        let asked = answered(async { ask(&mut *self.upkeep.acquire().await?).await }).await;
        self.renew_if_stale(asked.as_ref().err());
        asked
    }

    /// Has connections made again after a statement that fits no longer. It fails so on each that is open, and a quiet
    /// service keeps one for long.
    pub(crate) fn renew_if_stale(&self, failure: Option<&Failure>) {
        if failure.is_some_and(Failure::is_stale_statement) {
            self.renewal.renew();
        }
    }

    /// Returns when it was found to work, or the service stops.
    pub(crate) async fn until_it_works(&self) {
        let (mut state, mut stopping) = (self.state(), self.stopping.clone());
        tokio::select! {
            _works = state.wait_for(|answers| *answers) => {}
            () = stopped(&mut stopping) => {}
        }
    }
}

fn connect_to(pools: &[&PgPool], options: &PgConnectOptions) {
    pools.iter().for_each(|pool| pool.set_connect_options(options.clone()));
}
