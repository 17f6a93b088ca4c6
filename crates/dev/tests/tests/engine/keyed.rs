//! A step that repeats in a saga under another key each time.

use ballet::{Does, Event, Migration, Saga, SagaId, Tx, Undoes, compensated, done, refused};
use ballet_stage::wait_until;
use serde::Deserialize;

use crate::world::{SOON, TripWorld, WorldPart, part};

ballet_testkit::events! {
    DriverWanted = "dispatch.driver_wanted.v1" { driver: String }
    OfferDeclined = "dispatch.offer_declined.v1" { driver: String }
    RideCancelled = "dispatch.ride_cancelled.v1" { driver: String }
    DriverReserved = "drivers.driver_reserved.v1" { driver: String }
    DriverBusy = "drivers.driver_busy.v1" { driver: String }
    DriverReleased = "drivers.driver_released.v1" { driver: String }
}

struct Ride;

impl Saga for Ride {
    const NAME: &'static str = "ride";
    const OWNER: &'static str = "dispatch";
    type Abort = RideCancelled;
}

#[ballet::service("drivers", saga = Ride)]
impl Drivers {
    #[repeating(
        undo = release_driver,
        key = |wanted| (wanted.driver != "nobody").then(|| wanted.driver.clone()),
        undone_by = |declined: &OfferDeclined| declined.driver.clone()
    )]
    async fn reserve_driver(
        tx: &mut Tx<'_>,
        wanted: DriverWanted,
    ) -> Does<DriverReserved, DriverBusy> {
        let DriverWanted { driver } = wanted;
        let taken = sqlx::query("insert into reserved values ($1) on conflict do nothing")
            .bind(&driver)
            .execute(tx.db())
            .await?;
        if taken.rows_affected() == 1 {
            done(DriverReserved { driver })
        } else {
            refused(DriverBusy { driver })
        }
    }

    async fn release_driver(tx: &mut Tx<'_>, reserved: DriverReserved) -> Undoes<DriverReleased> {
        let DriverReserved { driver } = reserved;
        sqlx::query("delete from reserved where driver = $1")
            .bind(&driver)
            .execute(tx.db())
            .await?;
        compensated(DriverReleased { driver })
    }
}

const TABLES: &[Migration] =
    &[Migration { name: "0001_reserved", sql: "create table reserved (driver text primary key)" }];

fn the_drivers() -> WorldPart {
    let drivers = Drivers::participant();
    assert!(drivers.part().consumes().contains(&OfferDeclined::TYPE));
    part(drivers, TABLES)
}

async fn until_reserved(world: &TripWorld, expected: i64) {
    world.until_count("drivers", "reserved", expected).await;
}

fn driver<E: for<'de> Deserialize<'de>>(name: &str) -> E {
    serde_json::from_value(serde_json::json!({"driver": name})).expect("an event")
}

async fn until_released(world: &TripWorld, saga: SagaId, expected: &[&str]) {
    wait_until("all released", SOON, || async {
        let released = world.events::<DriverReleased>(saga).await;
        let names: Vec<_> = released.iter().map(|event| event.driver.as_str()).collect();
        if names == expected { Ok(Some(())) } else { Err(format!("{names:?}")) }
    })
    .await
    .expect("in reverse, each once");
}

#[tokio::test]
async fn an_abort_that_takes_longer_than_a_handler_may_or_has_thousands_of_repetitions_ends() {
    let mut world = TripWorld::prepared("keyed_long", vec![the_drivers()]).await;
    world.start_with(the_drivers(), |settings| settings.handler_seconds = 1).await;
    let saga = world.new_saga();
    let names = ["ann", "bob", "cem", "dot", "eva", "fay", "gus", "hal"];
    for name in names {
        world.publish(saga, &driver::<DriverWanted>(name)).await;
    }
    until_reserved(&world, 8).await;
    world.publish(saga, &driver::<OfferDeclined>("eva")).await;
    until_released(&world, saga, &["eva"]).await;
    let slow = "create function slow() returns trigger language plpgsql as \
                    $$ begin perform pg_sleep(0.2); return old; end $$; \
                create trigger slow before delete on reserved for each row execute function slow()";
    world.execute("drivers", slow).await;
    world.publish(saga, &driver::<RideCancelled>("")).await;
    until_reserved(&world, 0).await;
    until_released(&world, saga, &["eva", "hal", "gus", "fay", "dot", "cem", "bob", "ann"]).await;
    world.until_count("drivers", "ballet.solved", 0).await;
    world.until_count("drivers", "ballet.failure", 0).await;

    world.execute("drivers", "drop trigger slow on reserved").await;
    let saga = world.new_saga();
    world.publish(saga, &driver::<DriverWanted>("ann")).await;
    until_reserved(&world, 1).await;
    let thousands = format!(
        "insert into reserved select 'driver ' || n from generate_series(1, 3000) as n; \
         insert into ballet.ledger (saga_id, step, key, entry, arrived, ordinal, event_type, body, message_id, \
             recorded_at) \
         select saga_id, step, 'driver ' || n, entry, arrived, ordinal + n, event_type, \
             json_build_object('driver', 'driver ' || n), message_id, recorded_at \
         from ballet.ledger, generate_series(1, 3000) as n where saga_id = '{saga}'"
    );
    world.execute("drivers", &thousands).await;
    world.publish(saga, &driver::<RideCancelled>("")).await;
    until_reserved(&world, 0).await;
    let undone = format!("ballet.ledger where saga_id = '{saga}' and entry = 'undone'");
    world.until_count("drivers", &undone, 3001).await;
}
