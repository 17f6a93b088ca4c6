//! A database whose primary is lost, and whose synchronous standby is promoted under load.

use std::time::{Duration, Instant};

use ballet::{Never, Participant, Settings, Step, StepResult, Tx, done};
use ballet_stage::{Options, Postgres, Servers, wait_until};
use reqwest::Url;

use crate::restarts::{Customers, SAGAS, all_ended_once};
use crate::trip::{DESK_TABLES, HOTEL_TABLES, Rental, RoomBooked, Trip, TripBooked, cars, desk};
use crate::world::{LONG, TripWorld, everybody, part, the_hotel};

fn port(server: &Postgres) -> u16 {
    Url::parse(server.url()).expect("a URL").port().expect("a port")
}

/// Books slowly, so that a lane is at work at any time.
struct SlowPorter;

impl Step for SlowPorter {
    const NAME: &'static str = "book_slowly";
    type On = TripBooked;
    type Done = RoomBooked;
    type Refused = Never;

    async fn run(&self, tx: &mut Tx<'_>, _: TripBooked) -> StepResult<Self> {
        let saga = tx.saga_id().map(|saga| saga.0);
        sqlx::query("insert into room (saga_id) values ($1)").bind(saga).execute(tx.db()).await?;
        sqlx::query("select pg_sleep(0.05)").execute(tx.db()).await?;
        done(RoomBooked { room: 1 })
    }
}

fn slow_hotel() -> Participant {
    Participant::new("hotel").saga::<Trip>(|saga| saga.retriable(SlowPorter))
}

/// The services, each with both servers in its URL.
async fn with_two_hosts(servers: &Servers, standby: &Postgres, name: &str) -> TripWorld {
    let mut world = TripWorld::on(servers, name, everybody(Rental::default())).await;
    for service in std::mem::take(&mut world.services) {
        service.stop().await;
    }
    let two_hosts = |settings: &mut Settings| name_both(settings, servers, standby);
    world.start_with(part(desk(), DESK_TABLES), two_hosts).await;
    world.start_with(the_hotel(), two_hosts).await;
    world.start_with(part(cars(Rental::default()), &[]), two_hosts).await;
    world
}

/// Names both servers in the URL.
fn name_both(settings: &mut Settings, servers: &Servers, standby: &Postgres) {
    let both = format!("127.0.0.1:{},127.0.0.1:{}", port(servers.postgres()), port(standby));
    let one = format!("127.0.0.1:{}", port(servers.postgres()));
    let url = settings.database_url.as_mut().expect("a URL");
    *url = format!("{}?target_session_attrs=read-write", url.replace(&one, &both));
}

#[tokio::test(flavor = "multi_thread")]
async fn t196_a_primary_that_is_killed_is_replaced_by_its_synchronous_standby() {
    let servers = Servers::own_postgres(Options::fast()).await.expect("servers");
    let standby = servers.postgres().synchronous_standby().await.expect("a standby");
    let mut world = with_two_hosts(&servers, &standby, "fail_over").await;
    let customers = Customers::come(world.handle(0));
    customers.booked(SAGAS).await;
    servers.postgres().kill().await.expect("killed");
    standby.promote().await.expect("promoted");
    world.asked_at = Some(port(&standby));
    all_ended_once(&world, customers.leave().await).await;
    drop(world);
    servers.stop().await.expect("stopped");
}

/// The primary seems to be lost, but only stands still. When it goes on, it still takes writes, and
/// nobody may use it.
#[tokio::test(flavor = "multi_thread")]
async fn t196_a_primary_that_comes_back_after_the_promotion_is_used_no_more() {
    let servers = Servers::own_postgres(Options::fast()).await.expect("servers");
    let standby = servers.postgres().synchronous_standby().await.expect("a standby");
    let mut world = with_two_hosts(&servers, &standby, "frozen").await;
    let customers = Customers::come(world.handle(0));
    customers.booked(SAGAS).await;
    servers.postgres().freeze().await.expect("frozen");
    standby.promote().await.expect("promoted");
    let booked = customers.rush();
    customers.booked(booked).await;
    servers.postgres().thaw().await.expect("thawed");
    world.asked_at = Some(port(&standby));
    all_ended_once(&world, customers.leave().await).await;
    drop(world);
    servers.stop().await.expect("stopped");
}

/// How long a lane waits for an answer on a connection whose server says nothing.
const UNTIL_GIVEN_UP: Duration = Duration::from_secs(40);
const TRIPS: i64 = 300;

/// A primary that lost power closes no connection.
#[tokio::test(flavor = "multi_thread")]
async fn t196_lanes_do_not_wait_for_a_server_that_was_replaced() {
    let servers = Servers::own_postgres(Options::fast()).await.expect("servers");
    let standby = servers.postgres().synchronous_standby().await.expect("a standby");
    let parts = vec![part(slow_hotel(), HOTEL_TABLES)];
    let mut world = TripWorld::prepared_on(&servers, "half_open", parts).await;
    for _ in 0..TRIPS {
        world.publish(world.new_saga(), &TripBooked { city: "Rome".into() }).await;
    }
    let two_hosts = |settings: &mut Settings| {
        name_both(settings, &servers, &standby);
        // Longer than a lane waits for an answer.
        settings.handler_seconds = 120;
    };
    world.start_with(part(slow_hotel(), HOTEL_TABLES), two_hosts).await;
    let rooms = async |world: &TripWorld, more_than: i64| {
        wait_until("rooms", LONG, || async {
            let rooms = world.try_count("hotel", "room").await.map_err(|e| e.to_string())?;
            if rooms > more_than { Ok(Some(rooms)) } else { Err(format!("{rooms} rooms")) }
        })
        .await
        .expect("rooms")
    };
    rooms(&world, 20).await;
    let frozen = Instant::now();
    servers.postgres().freeze().await.expect("frozen");
    standby.promote().await.expect("promoted");
    world.asked_at = Some(port(&standby));
    let before = world.count("hotel", "room").await;
    assert!(before < TRIPS, "all were booked before");
    rooms(&world, before).await;
    assert!(frozen.elapsed() < UNTIL_GIVEN_UP, "{:?}", frozen.elapsed());
    world.until_count("hotel", "room", TRIPS).await;
    assert_eq!(world.dead_letters(0).await, Vec::<serde_json::Value>::new());
    servers.postgres().thaw().await.expect("thawed");
    drop(world);
    servers.stop().await.expect("stopped");
}
