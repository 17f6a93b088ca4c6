//! A service and its database at the start.

use std::net::{SocketAddr, TcpListener};

use ballet::{Migration, Service, StartError};
use ballet_stage::{Link, Proxy};
use ballet_testkit::health::until_ready;
use sqlx::{Connection, Executor};
use tokio::time::timeout;

use crate::scene::{asleep, rome, settings};
use crate::trip::{HOTEL_TABLES, RoomBooked, Trouble, hotel};
use crate::world::{LONG, TripWorld, the_hotel};

/// Columns, indexes and applied migrations.
async fn schema(world: &TripWorld) -> Vec<String> {
    let mut db = world.database("hotel").await;
    let sql = "select concat_ws(' ', table_schema, table_name, column_name, data_type, is_nullable) \
               from information_schema.columns where table_schema in ('ballet', 'public') \
               union all select indexdef from pg_indexes where schemaname in ('ballet', 'public') \
               union all select concat_ws(' ', 'applied', version, installed_on) \
               from ballet._framework_migrations \
               union all select concat_ws(' ', 'applied', version, installed_on) \
               from ballet._service_migrations order by 1";
    let rows: Vec<(String,)> = sqlx::query_as(sql).fetch_all(&mut db).await.unwrap();
    // Partitions come and go with the days.
    let of_a_day = |row: &str| row.contains("_20");
    // Each process has outbox tables of its own.
    let of_a_process = |row: &str| (0..10).any(|number| row.contains(&format!("outbox_{number}")));
    let rows = rows.into_iter().map(|(row,)| row);
    let stays = |row: &String| row.starts_with("applied") || !of_a_day(row) && !of_a_process(row);
    rows.filter(stays).collect()
}

#[tokio::test]
async fn t122_a_start_makes_the_schema_and_the_next_changes_nothing() {
    let mut world = TripWorld::hotel("schema").await;
    world.services.remove(0).stop().await;
    let made = schema(&world).await;
    assert!(made.iter().any(|row| row.starts_with("public room saga_id uuid")), "{made:#?}");
    assert!(made.iter().any(|row| row.starts_with("ballet inbox message_id uuid")), "{made:#?}");
    world.start(the_hotel()).await;
    assert_eq!(schema(&world).await, made);
}

#[tokio::test]
async fn t124_a_schema_that_does_not_fit_ends_the_start_and_is_named() {
    const OTHER: &[Migration] =
        &[Migration { name: "0001_room", sql: "create table room (number int)" }];
    const MISSING: &[Migration] =
        &[Migration { name: "0002_suite", sql: "alter table suite add column stars int" }];
    let world = asleep("misfit", vec![the_hotel()]).await;
    for (migrations, named) in [(OTHER, "migration 1"), (MISSING, "\"suite\"")] {
        let service = Service::new(hotel(Trouble::default())).migrations(migrations);
        let failed = service.start(settings(&world, "hotel")).await.unwrap_err();
        assert!(matches!(failed, StartError::Migrate(_)), "{failed}");
        let mut text = failed.to_string();
        let mut source = std::error::Error::source(&failed);
        while let Some(cause) = source {
            text.push_str(&cause.to_string());
            source = cause.source();
        }
        assert!(text.contains(named), "{text}");
    }
}

const HELD: &[Migration] = &[
    HOTEL_TABLES[0],
    Migration {
        name: "0002_held",
        sql: "create table guest (name text); set local lock_timeout = 0;
              select pg_advisory_xact_lock(4711)",
    },
];

/// The words of readiness about migrations that somebody holds up.
const WAITS: &str = "the migrations wait for others to end: server process ";

/// A hotel in the middle of a migration, which cannot go on before the test lets it.
struct MigratingHotel {
    world: TripWorld,
    way: Proxy,
    address: SocketAddr,
}

impl MigratingHotel {
    async fn waiting(&self, count: i64) {
        waiting(&self.world, count).await;
    }

    async fn database_is(&self, state: &str) {
        database_is(self.address, state).await;
    }
}

/// Waits until this many sessions of the hotel wait for an advisory lock.
async fn waiting(world: &TripWorld, count: i64) {
    // The server shows the locks of all its databases, and others test there, too.
    let locks = "pg_locks where locktype = 'advisory' and not granted and database = \
                 (select oid from pg_database where datname = current_database())";
    world.until_count("hotel", locks, count).await;
}

async fn database_is(address: SocketAddr, state: &str) {
    until_ready(address, state, |status, ready| {
        assert_eq!(status, 503, "it has not started");
        ready["database"].as_str().is_some_and(|is| is.starts_with(state))
    })
    .await;
}

/// Starts a hotel, has trouble while it migrates, lets it go on, and sees that it works.
async fn starts_in_spite_of(name: &str, trouble: impl AsyncFnOnce(&MigratingHotel)) {
    let world = asleep(name, vec![the_hotel()]).await;
    let mut holder = world.database("hotel").await;
    holder.execute("select pg_advisory_lock(4711)").await.unwrap();
    let way = Proxy::to(world.env.database_url("hotel")).await.unwrap();
    // Only the service itself knows its address before it has started.
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut settings = settings(&world, "hotel");
    settings.database_url = Some(way.url().to_owned());
    settings.listen = address;
    let held = MigratingHotel { world, way, address };
    let service = Service::new(the_hotel().participant).migrations(HELD);
    let (running, ()) = tokio::join!(timeout(3 * LONG, Box::pin(service.start(settings))), async {
        held.waiting(1).await;
        held.database_is(WAITS).await;
        trouble(&held).await;
        holder.close().await.unwrap();
    });
    let running = running.unwrap().unwrap();
    let saga = held.world.new_saga();
    held.world.publish(saga, &rome()).await;
    held.world.event::<RoomBooked>(saga).await;
    held.world.until_count("hotel", "guest", 0).await;
    running.stop().await;
}

#[tokio::test]
async fn a_start_whose_migration_is_never_answered_says_so_and_begins_again() {
    Box::pin(starts_in_spite_of("silent", async |held| {
        held.way.set(Link::Silent);
        held.database_is("away").await;
        // Old connections hang for ever, new ones do not.
        held.way.set(Link::Open);
    }))
    .await;
}

const STARS: &[Migration] = &[
    HOTEL_TABLES[0],
    Migration { name: "0002_stars", sql: "alter table room add column stars int" },
];

#[tokio::test]
async fn t231_a_start_beside_slow_transactions_says_what_it_waits_for() {
    let world = asleep("slow", vec![the_hotel()]).await;
    let mut handler = world.database("hotel").await;
    let work = "begin; lock table room in row exclusive mode";
    handler.execute(sqlx::raw_sql(work)).await.unwrap();
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut settings = settings(&world, "hotel");
    settings.listen = address;
    let service = Service::new(the_hotel().participant).migrations(STARS);
    let (running, ()) = tokio::join!(timeout(LONG, Box::pin(service.start(settings))), async {
        database_is(address, WAITS).await;
        handler.close().await.unwrap();
    });
    running.unwrap().unwrap().stop().await;
}
