//! A new version of a service takes the place of the old one under load, replica by replica, and
//! is taken back: both work side by side, and nothing is lost or doubled.

use std::time::{Duration, Instant};

use ballet::{Failure, Migration, Participant, Projection, Service, Settings, Tx};
use ballet_stage::{Servers, TableReader, wait_until};
use ballet_testkit::health::{readiness, until_ready};
use sqlx::Executor;

use crate::restarts::{Customers, SAGAS, all_ended_once};
use crate::trip::{HOTEL_TABLES, Rental, RoomBooked, TripBooked, Trouble, hotel};
use crate::world::{LONG, TripWorld, WorldPart, everybody, part};

/// The time that a stop may take here: its limit, and as much again on a busy machine.
const STOPPED: Duration = Duration::from_secs(40);

/// The next version has one table more, and one more handler of an event that the old one takes.
const NEXT_TABLES: &[Migration] = &[
    HOTEL_TABLES[0],
    Migration { name: "0002_guest", sql: "create table guest (city text not null)" },
];

struct Guests;

impl Projection for Guests {
    const NAME: &'static str = "guests";
    type On = TripBooked;

    async fn apply(&self, tx: &mut Tx<'_>, trip: TripBooked) -> Result<(), Failure> {
        sqlx::query("insert into guest values ($1)").bind(trip.city).execute(tx.db()).await?;
        Ok(())
    }
}

fn old() -> Participant {
    hotel(Trouble::default())
}

/// Starts one more replica of the hotel and then stops the oldest, which has to end in time.
async fn replace_oldest(world: &mut TripWorld, by: WorldPart) {
    // Behind the desk: at the second place.
    world.start(by).await;
    let oldest = world.services.remove(1);
    let begun = Instant::now();
    oldest.stop().await;
    assert!(begun.elapsed() < STOPPED, "{:?}", begun.elapsed());
}

async fn guests(world: &TripWorld, least: i64) -> i64 {
    wait_until("guests of the new version", LONG, || async {
        let guests = world.count("hotel", "guest").await;
        if guests >= least { Ok(Some(guests)) } else { Err(format!("{guests} of {least}")) }
    })
    .await
    .expect("guests")
}

#[tokio::test(flavor = "multi_thread")]
async fn t134_a_new_version_replaces_the_old_one_and_is_taken_back_under_load() {
    let servers = Servers::shared().await.expect("servers");
    let mut world = TripWorld::on(servers, "rolling", everybody(Rental::default())).await;
    // The cars stay where they are; behind the desk come three hotels.
    let cars = world.services.pop().expect("cars");
    for _ in 0..2 {
        world.start(part(old(), HOTEL_TABLES)).await;
    }
    let customers = Customers::come(world.handle(0));
    customers.booked(SAGAS).await;
    let mut known = 0;
    for _ in 0..3 {
        replace_oldest(&mut world, part(old().projects(Guests), NEXT_TABLES)).await;
        known = guests(&world, known + 1).await;
    }
    // Back to the old version, which does not know the new table.
    for _ in 0..3 {
        replace_oldest(&mut world, part(old(), HOTEL_TABLES)).await;
    }
    let last = world.count("hotel", "guest").await;
    customers.booked(SAGAS).await;
    world.services.push(cars);
    all_ended_once(&world, customers.leave().await).await;
    let trips = world.count("desk", "trip").await;
    let after = world.count("hotel", "guest").await;
    assert_eq!(after, last, "nobody of the new version is left");
    assert!(after < trips, "{after} of {trips} trips were seen by the new version");
}

/// As one of the framework's, and one of a service: each alters a table that those who run need.
const ALTERS: &[Migration] = &[
    HOTEL_TABLES[0],
    Migration {
        name: "0002_stars",
        sql: "alter table ballet.process_lease add column stars int;
              alter table room add column stars int",
    },
];

/// An event in the table of a process that is gone.
const LEFT: &str = "create table ballet.outbox_99 (like ballet.outbox_0); \
    insert into ballet.outbox_99 (owner, batch, position, message_id, event_type, saga_id, body, \
        created_at) select 999, 7, 0, m, 'hotel.room_booked.v1', m, '{\"city\":\"Oslo\"}', ballet.now() \
        from (select gen_random_uuid() as m) as made; \
    insert into ballet.outbox_table values (99, 999)";

const ALTERED: &str = "information_schema.columns where column_name = 'stars'";

#[tokio::test(flavor = "multi_thread")]
async fn a_migration_behind_a_dump_holds_up_nobody() {
    let world = TripWorld::new("dump", vec![part(old(), HOTEL_TABLES)]).await;
    let dump = world.env.lock_tables("hotel").await.expect("a dump");
    let service = Service::new(old()).migrations(ALTERS);
    let settings = Settings::new(world.env.amqp_url("hotel"), world.env.database_url("hotel"));
    let (running, ()) =
        tokio::join!(Box::pin(service.start(settings)), beside_the_dump(&world, dump));
    running.expect("started").stop().await;
    assert_eq!(world.count("hotel", ALTERED).await, 2);
}

/// All goes on while the migration waits. Then the dump ends.
async fn beside_the_dump(world: &TripWorld, dump: TableReader) {
    let waits = "pg_stat_activity where query like '%stars%' and wait_event_type = 'Lock' \
                 and datname = current_database() and pid <> pg_backend_pid()";
    world.until_count("hotel", waits, 1).await;

    world.execute("hotel", LEFT).await;
    world.until_published("Oslo").await;
    let saga = world.new_saga();
    world.publish(saga, &TripBooked { city: "Rome".into() }).await;
    world.event::<RoomBooked>(saga).await;
    world.execute("hotel", "create table seen as select ballet.now() as at").await;
    let renewed = "ballet.process_lease, seen where lease_until > at + interval '16 seconds'";
    world.until_count("hotel", renewed, 1).await;
    assert_eq!(world.count("hotel", ALTERED).await, 0, "the dump goes on");

    dump.release().await.expect("released");
}

/// A release that removes a table. What it alters then may be held.
const DROPS: &[Migration] = &[
    HOTEL_TABLES[0],
    NEXT_TABLES[1],
    Migration { name: "0003_no_guest", sql: "drop table guest" },
    Migration { name: "0004_stars", sql: "alter table room add column stars int" },
];

/// Longer than from one look at the tables to the next.
const LOOKS: Duration = Duration::from_secs(12);

#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_the_next_release_drops_does_not_make_the_last_one_unready() {
    let world = TripWorld::new("drops", vec![part(old().projects(Guests), NEXT_TABLES)]).await;
    let address = world.services[0].address();
    until_ready(address, "the last release", |status, _| status == 200).await;
    let mut reader = world.database("hotel").await;
    reader.execute("begin").await.expect("begun");
    reader.execute("lock table room in access share mode").await.expect("held");
    let stays_ready = async {
        world.until_count("hotel", "pg_tables where tablename = 'guest'", 0).await;
        let begun = Instant::now();
        while begun.elapsed() < LOOKS {
            let (_, said) = readiness(address).await.expect("an answer");
            assert!(!said["database"].to_string().contains("cannot be found"), "{said}");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        assert_eq!(world.count("hotel", ALTERED).await, 0, "the last migration waits");
        reader.execute("rollback").await.expect("let go");
    };
    let next = Service::new(old()).migrations(DROPS);
    let settings = Settings::new(world.env.amqp_url("hotel"), world.env.database_url("hotel"));
    let (next, ()) = tokio::join!(Box::pin(next.start(settings)), stays_ready);
    next.expect("started").stop().await;
    assert_eq!(world.count("hotel", ALTERED).await, 1);
}
