//! A system in the middle of an upgrade, with customers.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ballet::core::topology::EVENTS;
use ballet::{Clock, Event, Running};
use ballet_ops::sagas;
use ballet_stage::{Servers, wait_until};
use serde_json::json;
use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection, PgConnection};
use uuid::Uuid;

use crate::trip::{Rental, TripWanted, Trouble, hotel};
use crate::two_versions::{released, system};
use crate::world::{LONG, TripWorld};

#[derive(Clone, Copy)]
pub(crate) enum ProcessEnd {
    Dropped,
    Stopped,
}

/// Trips while two releases of a service work side by side.
pub(crate) const TRIPS: usize = 15;
const PAUSE: Duration = Duration::from_millis(20);

/// The release of each service.
pub(crate) struct Upgrade {
    pub(crate) world: TripWorld,
    pub(crate) rental: Rental,
}

impl Upgrade {
    /// Starts with the release before everywhere. The broker has what the next one needs.
    pub(crate) async fn begin(name: &str) -> Self {
        let servers = Servers::shared().await.expect("servers");
        // The objects of the old release stay, as in a roll-out.
        let mut parts = system(1).parts;
        parts[1].publishes.extend(hotel(Trouble::default()).part().publishes);
        let world = TripWorld::asleep(servers, name, parts).await;
        let mut upgrade = Self { world, rental: Rental::default() };
        for service in ["desk", "hotel", "cars"] {
            upgrade.start(service, 0).await;
        }
        upgrade
    }

    pub(crate) async fn start(&mut self, service: &str, release: u32) {
        self.world.start(released(service, release, &self.rental)).await;
    }

    /// The old process works beside the new one for some trips.
    pub(crate) async fn replace(
        &mut self,
        service: &str,
        release: u32,
        agency: &Agency,
        end: ProcessEnd,
    ) {
        let oldest = self.taken(service);
        self.start(service, release).await;
        agency.more().await;
        match end {
            ProcessEnd::Dropped => drop(oldest),
            ProcessEnd::Stopped => oldest.stop().await,
        }
    }

    pub(crate) async fn stop(&mut self, service: &str) {
        self.taken(service).stop().await;
    }

    fn taken(&mut self, service: &str) -> Running {
        let at = self.world.services.iter().position(|one| one.service() == service);
        self.world.services.remove(at.expect("it runs"))
    }

    async fn open(&self) -> Vec<Vec<(&'static str, u32)>> {
        let options = |service: &str| -> PgConnectOptions {
            self.world.env.database_url(service).parse().expect("a database")
        };
        let databases: Vec<(String, PgConnectOptions)> = ["desk", "hotel", "cars", "border"]
            .map(|name| (name.to_owned(), options(name)))
            .to_vec();
        let open = sagas::open(&system(1), &databases, &[]).await;
        open.sagas.into_iter().map(|saga| saga.versions).collect()
    }

    /// Waits as a developer does before removing the version from the code.
    pub(crate) async fn until_ended(&self, version: u32) {
        let ended = wait_until("sagas to end", LONG, || async {
            let open = self.open().await;
            let of_version = |saga: &&Vec<_>| saga.is_empty() || saga.contains(&("trip", version));
            match open.iter().filter(of_version).count() {
                0 => Ok(Some(())),
                open => Err(format!("{open} are open")),
            }
        });
        ended.await.expect("they end");
    }

    pub(crate) async fn rows(&self, service: &str, sql: &'static str) -> Vec<(Uuid, String)> {
        let url = self.world.env.database_url(service);
        let mut db = PgConnection::connect(url).await.expect("a connection");
        sqlx::query_as(sql).fetch_all(&mut db).await.expect("rows")
    }

    /// Returns the sagas with a step of the service that is done.
    pub(crate) async fn did(&self, service: &str, step: &str) -> BTreeSet<Uuid> {
        let sql = "select saga_id, step from ballet.ledger where entry = 'done'";
        let rows = self.rows(service, sql).await;
        rows.into_iter().filter(|(_, name)| name == step).map(|(saga, _)| saga).collect()
    }
}

/// The agency wants trips all the time, and knows nothing of versions.
pub(crate) struct Agency {
    wanted: Arc<std::sync::Mutex<BTreeMap<Uuid, &'static str>>>,
    closed: Arc<AtomicBool>,
    task: tokio::task::JoinHandle<()>,
}

impl Agency {
    pub(crate) fn open(world: &TripWorld) -> Self {
        let (wanted, closed): (Arc<std::sync::Mutex<BTreeMap<_, _>>>, _) =
            (Arc::default(), Arc::new(AtomicBool::new(false)));
        let (all, is_closed) = (Arc::clone(&wanted), Arc::clone(&closed));
        let (management, clock) = (world.env.management().clone(), Clock::system());
        let task = tokio::spawn(async move {
            for city in ["Rome", "Nowhere", "Full", "Rome", "Carless"].into_iter().cycle() {
                if is_closed.load(Ordering::SeqCst) {
                    return;
                }
                let (saga, name) = (clock.new_id(clock.now()), TripWanted::TYPE.name());
                let properties = json!({ "message_id": clock.new_id(clock.now()), "type": name,
                    "correlation_id": saga, "app_id": "agency", "content_type": "application/json",
                    "delivery_mode": 2 });
                let body = json!({ "city": city }).to_string();
                let published = management.publish(EVENTS, name, &properties, body).await;
                assert!(published.expect("published"), "somebody takes it");
                all.lock().expect("not poisoned").insert(saga, city);
                tokio::time::sleep(PAUSE).await;
            }
        });
        Self { wanted, closed, task }
    }

    pub(crate) async fn more(&self) {
        let count = || self.wanted.lock().expect("not poisoned").len();
        let enough = count() + TRIPS;
        let reached = wait_until("wanted trips", LONG, || async {
            if count() >= enough { Ok(Some(())) } else { Err(format!("{} of {enough}", count())) }
        });
        reached.await.expect("trips");
    }

    pub(crate) async fn close(self) -> BTreeMap<Uuid, &'static str> {
        self.closed.store(true, Ordering::SeqCst);
        self.task.await.expect("no panic");
        self.wanted.lock().expect("not poisoned").clone()
    }
}
