//! A message that kills the whole process again and again is set aside in the end, and delays no others. The process
//! is this test program, started as the service.

use std::process::Stdio;

use ballet::{Does, Settings, Tx, done};
use ballet_amqp::OutBatch;
use ballet_stage::{OwnProcess, wait_until};
use lapin::options::{BasicGetOptions, BasicRejectOptions};
use lapin::{Connection, ConnectionProperties};

use crate::scene::{asleep, message, ops, trip_to_rome};
use crate::trip::{HOTEL_TABLES, RoomBooked, Trip, TripBooked};
use crate::world::{LONG, SOON, TripWorld, part};
use ballet_testkit::wire::clients::{TestPublisher, batch, id};

const AMQP: &str = "CRASH_LOOP_AMQP_URL";
const DATABASE: &str = "CRASH_LOOP_DATABASE_URL";
const POISON: &str = "Poison";
const GOOD: usize = 500;
/// The first delivery, and all redeliveries that are allowed.
const MOST_LIVES: usize = 21;
/// The broker counts these before the service begins, because each life takes seconds.
const BEFORE: usize = 15;

#[ballet::service("hotel", saga = Trip, migrations = HOTEL_TABLES)]
impl Hotel {
    /// Takes the whole process with it when the trip goes to the wrong place.
    #[retriable]
    async fn book_room(tx: &mut Tx<'_>, trip: TripBooked) -> Does<RoomBooked> {
        if trip.city == POISON {
            std::process::exit(1);
        }
        sqlx::query("insert into room (saga_id) values ($1)")
            .bind(tx.saga_id().map(|saga| saga.0))
            .execute(tx.db())
            .await?;
        done(RoomBooked { room: 1 })
    }
}

/// DESIGN 8: one poison and 500 good ones make one dead letter.
#[tokio::test]
async fn t77_a_crash_loop_ends_at_the_delivery_limit_and_costs_one_message() {
    let world = asleep("crash_loop", vec![part(Hotel::participant(), HOTEL_TABLES)]).await;
    let poison = message(&world, world.new_saga(), &TripBooked { city: POISON.into() });
    let name = id(&poison.properties);
    let mut publisher = TestPublisher::usual(ops(&world));
    publisher.handle.send(OutBatch::new(batch(1), [poison]));
    assert_eq!(tokio::time::timeout(LONG, publisher.any()).await.unwrap().unpublishable, []);
    count_deliveries(&world).await;
    publisher.handle.send(OutBatch::new(batch(2), (0..GOOD).map(|_| trip_to_rome(&world))));
    assert_eq!(tokio::time::timeout(LONG, publisher.any()).await.unwrap().unpublishable, []);

    let mut deaths = 0;
    let mut service = HotelProcess::start(&world);
    while service.died_before_all_is_done(&world).await {
        deaths += 1;
        assert!(deaths <= MOST_LIVES - BEFORE, "the poison lives on");
        service = HotelProcess::start(&world);
    }

    println!("the service died {deaths} times");
    // A lost connection counts as well.
    assert!(deaths > 1, "{deaths}");
    let dead = world.env.management().peek("hotel.dead", 10).await.unwrap();
    assert_eq!(dead.len(), 1, "{dead:?}");
    let properties = &dead[0]["properties"];
    assert_eq!(properties["message_id"], name.as_str());
    assert_eq!(properties["headers"]["x-dead-reason"], "crash_loop");
    let sagas = world.count("hotel", "(select distinct saga_id from room) as sagas").await;
    assert_eq!((sagas, world.count("hotel", "room").await), (500, 500), "each once");
}

async fn count_deliveries(world: &TripWorld) {
    let url = world.env.amqp_url("hotel");
    let connection = Connection::connect(url, ConnectionProperties::default()).await.unwrap();
    let channel = connection.create_channel().await.unwrap();
    for _ in 0..BEFORE {
        let taken = wait_until("the message", SOON, || async {
            channel.basic_get("hotel".into(), BasicGetOptions { no_ack: false }).await
        });
        let tag = taken.await.unwrap().delivery_tag;
        channel.basic_reject(tag, BasicRejectOptions { requeue: true }).await.unwrap();
    }
    connection.close(200, "done".into()).await.unwrap();
}

struct HotelProcess(OwnProcess);

impl HotelProcess {
    fn start(world: &TripWorld) -> Self {
        let process = OwnProcess::start("crash_loop::service", |command| {
            command
                .env(AMQP, world.env.amqp_url("hotel"))
                .env(DATABASE, world.env.database_url("hotel"))
                .stderr(Stdio::null());
        });
        Self(process.unwrap())
    }

    async fn died_before_all_is_done(&mut self, world: &TripWorld) -> bool {
        let ended = wait_until("a death, or the end", LONG, || {
            let died = self.0.has_ended().unwrap();
            async move {
                if died {
                    return Ok(Some(true));
                }
                let rooms = world.try_count("hotel", "room").await.map_err(|e| e.to_string())?;
                let depth = async |queue| world.env.management().depth(queue).await;
                let left = depth("hotel").await.map_err(|e| e.to_string())?;
                let dead = depth("hotel.dead").await.map_err(|e| e.to_string())?;
                let seen = format!("{rooms} rooms, {left:?}, {dead:?}");
                let over = rooms == 500 && left.ready + left.unacked == 0 && dead.ready > 0;
                if over { Ok(Some(false)) } else { Err(seen) }
            }
        });
        ended.await.unwrap()
    }
}

/// Not a test, but what the process runs.
#[test]
fn service() {
    let (Ok(amqp), Ok(database)) = (std::env::var(AMQP), std::env::var(DATABASE)) else { return };
    OwnProcess::serve(Hotel::service, Settings::new(amqp, database));
}
