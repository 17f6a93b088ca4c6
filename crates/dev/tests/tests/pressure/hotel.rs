use ballet::{Never, Participant, Step, StepResult, Tx, done};

use crate::stage::{BOOK, RoomBooked, Trip, TripBooked};

struct BookRoom;

impl Step for BookRoom {
    const NAME: &'static str = "book_room";
    type On = TripBooked;
    type Done = RoomBooked;
    type Refused = Never;

    async fn run(&self, tx: &mut Tx<'_>, trip: TripBooked) -> StepResult<Self> {
        let saga = tx.saga_id().map(|saga| saga.0);
        sqlx::query(BOOK).bind(saga).bind(&trip.city).execute(tx.db()).await?;
        done(RoomBooked { city: trip.city })
    }
}

pub(crate) fn hotel() -> Participant {
    Participant::new("hotel").saga::<Trip>(|saga| saga.retriable(BookRoom))
}
