//! The running system, as customers use it.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use ballet::core::System;
use ballet::{Clock, Event, EventType};
use ballet_testkit::explore::Urls;
use ballet_testkit::memory::MemoryBroker;
use reqwest::Client;
use serde::Serialize;
use uuid::Uuid;

use crate::customers::begun_saga::BegunSaga;
use crate::customers::customer_sagas::CustomerSagas;
use crate::processes::gateway::Gateway;
use crate::running::fleet::Fleet;
use crate::running::long_run::LongRun;
use crate::scene::producer::{Producers, produced};
use crate::scene::record::Recorder;

/// A customer waits this long for an event, or in memory for an answer.
const PATIENCE: Duration = Duration::from_secs(20);
const LOOK: Duration = Duration::from_millis(10);

/// The running system: its services' addresses, and the events that they published.
#[derive(Debug)]
pub struct Site {
    /// The client for requests to the services.
    pub http: Client,
    world: SiteWorld,
    clock: Clock,
    confirmed: Mutex<Vec<Uuid>>,
    pub(crate) gateway: Option<Gateway>,
    pub(crate) sagas: CustomerSagas,
    /// Each may have begun an unknown saga.
    pub(crate) given_up: AtomicUsize,
}

#[derive(Debug)]
enum SiteWorld {
    Processes {
        fleet: Arc<Fleet>,
        recorder: Recorder,
        producers: Producers,
        /// Those of the foreign producers.
        addresses: Vec<(&'static str, String)>,
    },
    /// In this process. Nothing comes while a client waits.
    Memory { urls: Urls, broker: MemoryBroker, producers: Vec<&'static str> },
}

impl Site {
    pub(crate) fn in_memory(system: &System, urls: Urls, broker: MemoryBroker) -> Result<Self> {
        let producers = system.foreign_producers().iter().map(|(name, _)| *name).collect();
        let http = Client::builder().no_proxy().timeout(PATIENCE).build();
        let world = SiteWorld::Memory { urls, broker, producers };
        Ok(Self::new(http.context("cannot set up HTTP")?, world))
    }

    fn new(http: Client, world: SiteWorld) -> Self {
        Self {
            http,
            world,
            clock: Clock::system(),
            confirmed: Mutex::default(),
            gateway: None,
            sagas: CustomerSagas::default(),
            given_up: AtomicUsize::new(0),
        }
    }

    pub(crate) fn of(run: &LongRun, recorder: Recorder) -> Result<Self> {
        let names = run.system.foreign_producers();
        let broker = |(name, _): &(&'static str, _)| {
            anyhow::Ok((*name, run.broker_url(run.stage.env.amqp_url(name))?))
        };
        let world = SiteWorld::Processes {
            fleet: Arc::clone(&run.fleet),
            recorder,
            producers: Producers::default(),
            addresses: names.iter().map(broker).collect::<Result<_>>()?,
        };
        Ok(Self::new(run.http.clone(), world))
    }

    /// The URL of one of a service's processes: for the same number the same one, unless processes come or go.
    ///
    /// # Errors
    ///
    /// If none of the processes has an address yet.
    pub async fn url(&self, service: &str, number: usize) -> Result<String> {
        let url = match &self.world {
            SiteWorld::Processes { fleet, .. } => fleet.url(service, number).await,
            SiteWorld::Memory { urls, .. } => {
                urls.lock().unwrap_or_else(PoisonError::into_inner).get(service).cloned()
            }
        };
        url.with_context(|| format!("{service} is nowhere"))
    }

    /// The gateway, in a run that has one. Services then accept only requests that it signed.
    #[must_use]
    pub fn gateway(&self) -> Option<&Gateway> {
        self.gateway.as_ref()
    }

    /// A token for the gateway, in a run that has one.
    ///
    /// # Errors
    ///
    /// If the gateway makes no such token.
    pub async fn token(&self, subject: &str, scopes: &str) -> Result<Option<String>> {
        match &self.gateway {
            Some(gateway) => gateway.token(subject, scopes).await.map(Some),
            None => Ok(None),
        }
    }

    /// This many new subjects' ids, each with a token as of [`Site::token`], all made at once.
    ///
    /// # Errors
    ///
    /// If the gateway makes no such tokens.
    pub async fn subjects(
        &self,
        count: usize,
        scopes: &str,
    ) -> Result<Vec<(Uuid, Option<String>)>> {
        let ids: Vec<Uuid> = (0..count).map(|_| self.new_id()).collect();
        let Some(gateway) = &self.gateway else {
            return Ok(ids.into_iter().map(|id| (id, None)).collect());
        };
        let subjects: Vec<String> = ids.iter().map(Uuid::to_string).collect();
        let subjects: Vec<&str> = subjects.iter().map(String::as_str).collect();
        let tokens = gateway.tokens(&subjects, scopes).await?;
        Ok(ids.into_iter().zip(tokens.into_iter().map(Some)).collect())
    }

    /// Adds a saga begun outside [`Trial::play`](crate::Trial::play), to be checked like the customers' sagas.
    pub fn began(&self, what: &'static str, begun: BegunSaga) {
        self.sagas.add(what, begun);
    }

    /// Counts a request that a customer gave up. It may have begun an unknown saga.
    pub fn gave_up(&self) {
        self.given_up.fetch_add(1, Ordering::Relaxed);
    }

    /// A new id.
    pub fn new_id(&self) -> Uuid {
        self.clock.new_id(self.clock.now())
    }

    /// Publishes a saga's event as a foreign producer, and waits for the broker's confirm without limit. An event that
    /// begins the saga has its id.
    ///
    /// # Errors
    ///
    /// If the system declares no such producer.
    pub async fn publish<E: Event + Serialize>(
        &self,
        producer: &str,
        saga: Uuid,
        event: &E,
    ) -> Result<()> {
        let unknown = || format!("no event comes from {producer}");
        let (id, message) = produced(producer, saga, self.new_id(), event)?;
        match &self.world {
            SiteWorld::Processes { producers, addresses, .. } => {
                let known = addresses.iter().find(|(name, _)| *name == producer);
                let (name, url) = known.with_context(unknown)?;
                producers.publish(name, url, message).await?;
            }
            SiteWorld::Memory { broker, producers, .. } => {
                ensure!(producers.contains(&producer), unknown());
                broker.put(&message);
            }
        }
        self.confirmed.lock().unwrap_or_else(PoisonError::into_inner).push(id);
        Ok(())
    }

    /// Waits for an event of this type, or the saga's end. A customer gives up after a while.
    pub async fn wait_for(&self, saga: Uuid, event: EventType) {
        let SiteWorld::Processes { recorder, .. } = &self.world else { return };
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            {
                let record = recorder.record();
                if record.has(saga, event) || record.ended(saga).is_some() {
                    return;
                }
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    pub(crate) fn confirmed(&self) -> Vec<Uuid> {
        self.confirmed.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
