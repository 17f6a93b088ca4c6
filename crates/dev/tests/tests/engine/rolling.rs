//! A new version of a service starts beside the old one while a client reads all tables.

use ballet::{Migration, Service, Settings};
use ballet_stage::TableReader;

use crate::trip::{HOTEL_TABLES, RoomBooked, TripBooked, Trouble, hotel};
use crate::world::TripWorld;

/// One migration as the framework's, one as a service's. Each alters a table that running services need.
const ALTERS: &[Migration] = &[
    HOTEL_TABLES[0],
    Migration {
        name: "0002_stars",
        sql: "alter table ballet.process_lease add column stars int;
              alter table room add column stars int",
    },
];

/// Writes an event into the table of a process that is gone.
const LEFT: &str = "create table ballet.outbox_99 (like ballet.outbox_0); \
    insert into ballet.outbox_99 (owner, batch, position, message_id, event_type, saga_id, body, \
        created_at) select 999, 7, 0, m, 'hotel.room_booked.v1', m, '{\"city\":\"Oslo\"}', ballet.now() \
        from (select gen_random_uuid() as m) as made; \
    insert into ballet.outbox_table values (99, 999)";

const ALTERED: &str = "information_schema.columns where column_name = 'stars'";

#[tokio::test(flavor = "multi_thread")]
async fn t231_a_migration_behind_a_dump_holds_up_nobody() {
    let world = TripWorld::hotel("dump").await;
    let dump = world.env.lock_tables("hotel").await.expect("a dump");
    let service = Service::new(hotel(Trouble::default())).migrations(ALTERS);
    let settings = Settings::new(world.env.amqp_url("hotel"), world.env.database_url("hotel"));
    let beside = beside_the_dump(&world, dump);
    let (running, ()) = tokio::join!(Box::pin(service.start(settings)), beside);
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
