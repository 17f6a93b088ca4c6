//! A hotel that takes packs, and packs the rooms that it booked.

use std::collections::HashSet;

use ballet::{Does, Event, Failure, Migration, Saga, SagaId, Tx, done, event};
use ballet_amqp::headers::text_header;
use ballet_amqp::{Delivery, Publish, pack};
use ballet_testkit::memory::{MemoryService, properties};
use sqlx::types::Uuid;
use sqlx::{Executor, PgConnection};

ballet_testkit::events! {
    TripBooked = "desk.trip_booked.v1" { city: String }
    TripCancelled = "desk.trip_cancelled.v1"
}

/// A room is booked.
#[event("hotel.room_booked.v1", in_saga, packs)]
pub(crate) struct RoomBooked {
    pub(crate) city: String,
}

pub(crate) struct Trip;

impl Saga for Trip {
    const NAME: &'static str = "trip";
    const OWNER: &'static str = "desk";
    type Abort = TripCancelled;
}

pub(crate) const TABLES: &[Migration] = &[Migration {
    name: "0001_room",
    sql: "create table room (saga_id uuid not null, city text not null)",
}];

/// What the city of a trip makes the handler wait for.
pub(crate) const GATE: &str = "the gate";

#[ballet::service("hotel", saga = Trip)]
impl Hotel {
    #[retriable]
    async fn book_room(tx: &mut Tx<'_>, trip: TripBooked) -> Does<RoomBooked> {
        match &*trip.city {
            "Nowhere" => return Err(Failure::permanent("there is no such place").into()),
            GATE => {
                tx.db().execute("set local lock_timeout = 0").await?;
                sqlx::query("select pg_advisory_xact_lock(7)").execute(tx.db()).await?;
            }
            _ => {}
        }
        sqlx::query("insert into room values ($1, $2)")
            .bind(tx.saga_id().map(|saga| saga.0))
            .bind(&trip.city)
            .execute(tx.db())
            .await?;
        done(RoomBooked { city: trip.city })
    }
}

pub(crate) async fn hotel(name: &str) -> MemoryService {
    MemoryService::new(name, Hotel::participant(), TABLES).await
}

/// A trip as the desk would publish it alone.
pub(crate) fn trip(saga: SagaId, id: Uuid, city: &str) -> Publish {
    Publish {
        exchange: "events".to_owned(),
        routing_key: TripBooked::TYPE.name().to_owned(),
        mandatory: true,
        properties: properties(TripBooked::TYPE, &id.to_string(), Some(saga)),
        body: format!(r#"{{"city":"{city}"}}"#).into(),
    }
}

/// A pack of trips to these cities, each of a saga of its own.
pub(crate) fn trips(hotel: &MemoryService, cities: &[&str]) -> Publish {
    let trip = |city: &&str| trip(hotel.new_saga(), hotel.new_id(), city);
    let alone: Vec<Publish> = cities.iter().map(trip).collect();
    pack::pack(&alone[0], &alone[1..])
}

/// Keeps handlers waiting until the session is closed.
pub(crate) async fn close_gate(hotel: &MemoryService) -> PgConnection {
    let mut held = hotel.connect().await;
    sqlx::query("select pg_advisory_lock(7)").execute(&mut held).await.expect("the gate");
    held
}

/// The ids in these messages, which may be packs, in order.
pub(crate) fn ids(messages: &[Publish]) -> Vec<String> {
    let alone = messages.iter().flat_map(members);
    alone.map(|one| one.properties.message_id().as_ref().expect("an id").to_string()).collect()
}

pub(crate) fn members(message: &Publish) -> Vec<Delivery> {
    let Publish { exchange, routing_key, properties, body, .. } = message.clone();
    let body = body.into();
    let (tag, redelivered) = (0, false);
    pack::members_of(Delivery { tag, redelivered, exchange, routing_key, properties, body })
}

pub(crate) fn unique(ids: &[String]) -> usize {
    ids.iter().collect::<HashSet<_>>().len()
}

/// The messages that went to exchanges of this kind, with their reasons.
pub(crate) fn copies(hotel: &MemoryService, exchange: &str) -> Vec<(String, Publish)> {
    let mut taken = hotel.broker.taken();
    taken.retain(|message| message.exchange.starts_with(exchange));
    let reason = |message: &Publish| {
        text_header(&message.properties, "x-dead-reason").unwrap_or_default().to_owned()
    };
    taken.into_iter().map(|message| (reason(&message), message)).collect()
}
