//! Servers that restart, and connections that are closed. Services go on by themselves; nothing is lost or doubled.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use ballet::{Failure, Handle, SagaId, Settings};
use ballet_stage::{Link, Options, Proxy, Servers, wait_until};
use ballet_testkit::health::until_ready;
use serde_json::Value;
use sqlx::Executor;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::trip::{Rental, TripBooked};
use crate::world::{LONG, TripWorld, everybody, the_hotel};

/// A hanging connection is given up after 40 seconds, its session by the server after 60. Then the backlog is
/// handled.
const UNTIL_GIVEN_UP: Duration = Duration::from_secs(240);
/// A drain takes twenty seconds.
const STOPS: Duration = Duration::from_secs(60);
/// Sagas that begin before something is killed, and again after.
pub(crate) const SAGAS: usize = 60;
/// The pause between customers. Without it a test that waits a minute for a timeout would need minutes more for the
/// backlog.
const LEISURE: Duration = Duration::from_secs(1);

/// Customers book in a rush without a pause, then at intervals.
pub(crate) struct Customers {
    booked: Arc<AtomicUsize>,
    rush: Arc<AtomicUsize>,
    enough: Arc<AtomicUsize>,
    tasks: JoinSet<()>,
}

impl Customers {
    /// The rush goes on while a test kills something after the first [`SAGAS`].
    pub(crate) fn come(desk: &Handle) -> Self {
        let mut customers = Self {
            booked: Arc::default(),
            rush: Arc::new(AtomicUsize::new(2 * SAGAS)),
            enough: Arc::new(AtomicUsize::new(usize::MAX)),
            tasks: JoinSet::new(),
        };
        for _ in 0..4 {
            let (desk, booked) = (desk.clone(), Arc::clone(&customers.booked));
            let (rush, enough) = (Arc::clone(&customers.rush), Arc::clone(&customers.enough));
            customers.tasks.spawn(async move {
                while booked.load(Ordering::SeqCst) < enough.load(Ordering::SeqCst) {
                    if booked.load(Ordering::SeqCst) >= rush.load(Ordering::SeqCst) {
                        tokio::time::sleep(LEISURE).await;
                    }
                    if book(&desk).await.is_ok() {
                        booked.fetch_add(1, Ordering::SeqCst);
                    }
                }
            });
        }
        customers
    }

    pub(crate) async fn booked(&self, least: usize) {
        wait_until("bookings", LONG, || async {
            let booked = self.booked.load(Ordering::SeqCst);
            if booked >= least { Ok(Some(())) } else { Err(format!("{booked} of {least}")) }
        })
        .await
        .expect("bookings");
    }

    /// Returns how many will have booked after [`SAGAS`] more.
    pub(crate) fn rush(&self) -> usize {
        let booked = self.booked.load(Ordering::SeqCst) + SAGAS;
        self.rush.store(booked, Ordering::SeqCst);
        booked
    }

    /// Lets some more book, waits for the last, and returns how many were told "booked".
    pub(crate) async fn leave(mut self) -> i64 {
        self.enough.store(self.rush(), Ordering::SeqCst);
        while let Some(ended) = self.tasks.join_next().await {
            ended.expect("no panic");
        }
        i64::try_from(self.booked.load(Ordering::SeqCst)).expect("few")
    }
}

async fn book(desk: &Handle) -> Result<(), Failure> {
    let saga: SagaId = desk.new_id();
    let mut unit = desk.saga_unit(saga).await?;
    sqlx::query("insert into trip values ($1, 'booked')")
        .bind(saga.0)
        .execute(unit.tx().db())
        .await?;
    unit.originate(TripBooked { city: "Rome".into() }).await?;
    unit.commit().await
}

/// Every trip in the books ended once. More trips may be there than customers were told, because an answer may be
/// lost.
pub(crate) async fn all_ended_once(world: &TripWorld, told: i64) {
    let trips = world.count("desk", "trip").await;
    assert!(trips >= told, "{told} customers were told of a booking, {trips} are in the books");
    world.until_count("desk", "trip where state = 'confirmed'", trips).await;
    assert_eq!(world.count("hotel", "room").await, trips);
    assert_eq!(world.count("desk", "ballet.ledger where entry = 'done'").await, 2 * trips);
    assert_eq!(world.count("cars", "ballet.call where closed_at is not null").await, trips);
    assert_eq!(world.count("cars", "ballet.call").await, trips);
    let dead = world.seen().await.into_iter().filter(|m| m["exchange"] == "dead").count();
    assert_eq!(dead, 0, "a server that is away is nobody's failure");
}

#[tokio::test(flavor = "multi_thread")]
async fn t50_t86_t135_services_survive_servers_that_are_killed_and_restarted() {
    let servers = Servers::private(Options::fast()).await.expect("servers");
    let mut world = TripWorld::on(&servers, "killed", everybody(Rental::default())).await;
    let hotel = world.services[1].address();
    let consumes = async |what: &str| {
        until_ready(hotel, what, |_, said: &Value| said["consume"] == what).await;
    };
    let customers = Customers::come(world.handle(0));
    customers.booked(SAGAS).await;
    servers.rabbitmq().kill().await.expect("killed");
    servers.rabbitmq().start().await.expect("started");
    let booked = customers.rush();
    customers.booked(booked).await;
    servers.postgres().kill().await.expect("killed");
    consumes("paused").await;
    servers.postgres().start().await.expect("started");
    consumes("ok").await;
    all_ended_once(&world, customers.leave().await).await;

    // It stops also while its database does not answer.
    servers.postgres().freeze().await.expect("frozen");
    consumes("paused").await;
    let stopped = timeout(STOPS, world.services.remove(1).stop()).await;
    servers.postgres().thaw().await.expect("thawed");
    stopped.expect("stopped in time");
    drop(world);
    servers.stop().await.expect("stopped");
}

/// The hotel has other connections to its servers than the desk and the cars.
async fn everybody_by(name: &str) -> (TripWorld, Proxy, Proxy) {
    let servers = Servers::shared().await.expect("servers");
    let mut world = TripWorld::on(servers, name, everybody(Rental::default())).await;
    let hotel_before = world.services.remove(1);
    hotel_before.stop().await;
    let database = Proxy::to(world.env.database_url("hotel")).await.expect("a way");
    let broker = Proxy::to(world.env.amqp_url("hotel")).await.expect("a way");
    let by_these_ways = |settings: &mut Settings| {
        settings.database_url = Some(database.url().to_owned());
        settings.amqp_url = Some(broker.url().to_owned());
    };
    world.start_with(the_hotel(), by_these_ways).await;
    (world, database, broker)
}

/// Nothing closes the old connections, and nobody answers on them. New ones work.
#[tokio::test(flavor = "multi_thread")]
async fn connections_to_the_servers_that_hang_for_ever_are_given_up() {
    let (world, database, broker) = everybody_by("hang").await;
    let customers = Customers::come(world.handle(0));
    customers.booked(SAGAS).await;
    // In a statement of the framework's own.
    let mut blocker = world.database("hotel").await;
    blocker.execute("begin; lock table ballet.inbox in exclusive mode").await.expect("a lock");
    // The server shows the locks of all databases, also those of other tests.
    let waits = "select count(*) > 0 from pg_locks where not granted and database = \
                 (select oid from pg_database where datname = current_database())";
    world.until("hotel", waits, true).await;
    database.set(Link::Silent);
    broker.set(Link::Silent);
    drop(blocker);
    let booked = customers.rush();
    customers.booked(booked).await;
    database.set(Link::Open);
    broker.set(Link::Open);
    let booked = i64::try_from(booked).expect("few");
    wait_until("rooms for those who booked meanwhile", UNTIL_GIVEN_UP, || async {
        let rooms = world.try_count("hotel", "room").await.map_err(|error| error.to_string())?;
        if rooms >= booked { Ok(Some(())) } else { Err(format!("{rooms} of {booked}")) }
    })
    .await
    .expect("rooms");
    all_ended_once(&world, customers.leave().await).await;
}
