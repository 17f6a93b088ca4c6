//! Packs are turned on, and off again, under load, over a real broker.

use ballet::{Does, Event, Failure, Migration, SagaId, Service, Tx, done};
use ballet_amqp::{Broker, Confirms, Publish, RabbitMq, Session};
use ballet_stage::Method;
use ballet_testkit::TestSystem;
use ballet_testkit::memory::properties;
use futures_util::StreamExt;
use serde_json::json;

use crate::hotel::{TABLES, Trip, TripBooked};

ballet_testkit::events! {
    TripMoved = "desk.trip_moved.v1" { city: String }
}

/// Two releases of a hotel, which differ in how their events leave.
macro_rules! hotel {
    ($release:ident $(, $packs:ident)?) => {
        mod $release {
            use super::*;

            /// A room is booked.
            #[ballet::event("hotel.room_booked.v1", in_saga $(, $packs)?)]
            pub(crate) struct RoomBooked {
                city: String,
            }

            /// The room is another one.
            #[ballet::event("hotel.room_moved.v1", in_saga $(, $packs)?)]
            pub(crate) struct RoomMoved {
                city: String,
            }

            #[ballet::service("hotel", saga = Trip)]
            impl Hotel {
                #[retriable]
                async fn book_room(tx: &mut Tx<'_>, trip: TripBooked) -> Does<RoomBooked> {
                    sqlx::query("insert into room values ($1, $2)")
                        .bind(tx.saga_id().map(|saga| saga.0))
                        .bind(&trip.city)
                        .execute(tx.db())
                        .await?;
                    done(RoomBooked { city: trip.city })
                }

                #[retriable]
                async fn move_room(_: &mut Tx<'_>, trip: TripMoved) -> Does<RoomMoved> {
                    done(RoomMoved { city: trip.city })
                }
            }
        }
    };
}

hotel!(alone);
hotel!(packing, packs);

const NOTES: &[Migration] = &[Migration {
    name: "0001_note",
    sql: "create table note (
        number bigint generated always as identity, saga_id uuid not null, what text not null
    )",
}];

#[ballet::service("guests")]
impl Guests {
    #[projects]
    async fn note_booking(tx: &mut Tx<'_>, _: packing::RoomBooked) -> Result<(), Failure> {
        note(tx, "booked").await
    }

    #[projects]
    async fn note_move(tx: &mut Tx<'_>, _: packing::RoomMoved) -> Result<(), Failure> {
        note(tx, "moved").await
    }
}

async fn note(tx: &mut Tx<'_>, what: &str) -> Result<(), Failure> {
    let saga = tx.saga_id().map(|saga| saga.0);
    sqlx::query("insert into note (saga_id, what) values ($1, $2)")
        .bind(saga)
        .bind(what)
        .execute(tx.db())
        .await?;
    Ok(())
}

/// The trips of each release.
const TRIPS: usize = 400;
/// Gets all that the hotel publishes, as it is on the wire.
const WIRE: &str = "wire";

/// The process before has always ended, since two replicas publish side by side.
#[tokio::test(flavor = "multi_thread")]
async fn packs_are_turned_on_and_off_again_under_load() {
    let parts = vec![packing::Hotel::participant().part(), Guests::participant().part()];
    let mut system = TestSystem::asleep("rollout", parts).await;
    let (management, vhost) = (system.env.management().clone(), system.env.vhost().to_owned());
    let queue = json!({ "durable": true });
    let binding = json!({ "routing_key": "hotel.#" });
    for (method, path, body) in [
        (Method::PUT, vec!["queues", &vhost, WIRE], &queue),
        (Method::POST, vec!["bindings", &vhost, "e", "events", "q", WIRE], &binding),
    ] {
        management.call(method, &path, Some(body)).await.expect("a queue for what is on the wire");
    }
    system.start(Service::new(Guests::participant()).migrations(NOTES)).await;
    let broker = RabbitMq::new(system.env.ops_amqp_url()).expect("an address");
    let desk = broker.connect("desk").await.expect("a session");
    let mut confirms = desk.confirms().await.expect("confirms");

    let releases = [false, true, false];
    for (release, packs) in (1..).zip(releases) {
        let [first, second] = [(); 2].map(|()| trips(&system, TRIPS / 2));
        // They wait when the process starts, the others come while it runs.
        send(&*desk, &mut confirms, first).await;
        let hotel = match packs {
            true => packing::Hotel::participant(),
            false => alone::Hotel::participant(),
        };
        system.start(Service::new(hotel).migrations(TABLES)).await;
        send(&*desk, &mut confirms, second).await;
        let least = if release == releases.len() { TRIPS } else { TRIPS / 2 };
        let booked = TRIPS * (release - 1) + least;
        system.until("hotel", &format!("select count(*) >= {booked} from room"), true).await;
        if release == releases.len() {
            system.until("guests", "select count(*) from note", 2 * TRIPS * release).await;
        }
        system.stop("hotel").await;
        let told = management.take(WIRE, 20_000).await.expect("messages");
        let found = told.iter().any(|one| one["properties"]["content_type"] != "application/json");
        assert_eq!(found, packs, "release {release}: {} messages", told.len());
    }
    let sound = "select count(*) from note booked join note moved using (saga_id) \
        where booked.what = 'booked' and moved.what = 'moved' and booked.number < moved.number";
    system.until("guests", sound, TRIPS * releases.len()).await;
    desk.close().await;
    system.close(0).await;
}

/// A trip, and then a change of it, for each of so many sagas.
fn trips(system: &TestSystem, count: usize) -> Vec<Publish> {
    let sagas = (0..count).map(|_| system.new_saga());
    let of = |saga: SagaId| {
        let (first, then) = ("Rome".to_owned(), "Bern".to_owned());
        let (booked, moved) = (TripBooked { city: first }, TripMoved { city: then });
        [message(system, saga, &booked), message(system, saga, &moved)]
    };
    sagas.flat_map(of).collect()
}

fn message<E: Event>(system: &TestSystem, saga: SagaId, event: &E) -> Publish {
    Publish {
        exchange: "events".to_owned(),
        routing_key: E::TYPE.name().to_owned(),
        mandatory: true,
        properties: properties(E::TYPE, &system.new_id().to_string(), Some(saga)),
        body: serde_json::to_vec(event).expect("JSON").into(),
    }
}

async fn send(session: &dyn Session, confirms: &mut Confirms, messages: Vec<Publish>) {
    let mut left = messages.len();
    for message in messages {
        session.publish(message).expect("sent");
    }
    while left > 0 {
        left -= confirms.next().await.expect("a session").expect("confirms").len();
    }
}
