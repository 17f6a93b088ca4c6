//! A hotel without any trouble of its own.

use ballet::{Does, Participant, Tx, done};

use crate::pressure::stage::{BOOK, RoomBooked, Trip, TripBooked};

#[ballet::service("hotel", saga = Trip)]
impl Hotel {
    #[retriable]
    async fn book_room(tx: &mut Tx<'_>, trip: TripBooked) -> Does<RoomBooked> {
        let saga = tx.saga_id().map(|saga| saga.0);
        sqlx::query(BOOK).bind(saga).bind(&trip.city).execute(tx.db()).await?;
        done(RoomBooked { city: trip.city })
    }
}

pub(crate) fn hotel() -> Participant {
    Hotel::participant()
}
