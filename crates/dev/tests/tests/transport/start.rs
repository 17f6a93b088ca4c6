//! A service and its database at the start.

use std::net::TcpListener;

use ballet::{Migration, Service, StartError};
use ballet_stage::{Link, Proxy};
use ballet_testkit::health::until_ready;
use sqlx::{Connection, Executor};
use tokio::time::timeout;

use crate::scene::{asleep, rome, settings};
use crate::trip::{HOTEL_TABLES, RoomBooked, Trouble, hotel};
use crate::world::{LONG, the_hotel};

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

#[tokio::test]
async fn a_start_whose_migration_is_never_answered_says_so_and_begins_again() {
    let world = asleep("silent", vec![the_hotel()]).await;
    let mut holder = world.database("hotel").await;
    holder.execute("select pg_advisory_lock(4711)").await.unwrap();
    let way = Proxy::to(world.env.database_url("hotel")).await.unwrap();
    // Only the service knows its address before it has started.
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut settings = settings(&world, "hotel");
    settings.database_url = Some(way.url().to_owned());
    settings.listen = address;
    let database_is = async |state: &str| {
        until_ready(address, state, |status, ready| {
            assert_eq!(status, 503, "it has not started");
            ready["database"].as_str().is_some_and(|is| is.starts_with(state))
        })
        .await;
    };
    let service = Service::new(the_hotel().participant).migrations(HELD);
    let (running, ()) = tokio::join!(timeout(3 * LONG, Box::pin(service.start(settings))), async {
        // The server shows the locks of all databases, also those of other tests.
        let locks = "pg_locks where locktype = 'advisory' and not granted and database = \
                     (select oid from pg_database where datname = current_database())";
        world.until_count("hotel", locks, 1).await;
        database_is("the migrations wait for others to end: server process ").await;
        way.set(Link::Silent);
        database_is("away").await;
        // Old connections hang for ever, new ones do not.
        way.set(Link::Open);
        holder.close().await.unwrap();
    });
    let running = running.unwrap().unwrap();
    let saga = world.new_saga();
    world.publish(saga, &rome()).await;
    world.event::<RoomBooked>(saga).await;
    world.until_count("hotel", "guest", 0).await;
    running.stop().await;
}
