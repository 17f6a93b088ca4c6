//! The steps of `my_service` in the saga, and its part in an abort.

use ballet::{
    Compensate, CompensateResult, Failure, Never, Owner, Step, StepResult, Tx, compensated, done,
    refused,
};

use crate::events::{
    PlacesFreed, PlacesHeld, PlacesRefused, RequestAnswered, RequestCancelled, RequestConfirmed,
    RequestHandling, RequestMade,
};

/// The most places that a request can have.
const MOST_PLACES: u16 = 8;

/// Holds the places of a request, or refuses if they are too many.
#[derive(Debug)]
pub(crate) struct HoldPlaces;

impl Step for HoldPlaces {
    const NAME: &'static str = "hold_places";
    type On = RequestMade;
    type Done = PlacesHeld;
    type Refused = PlacesRefused;

    async fn run(&self, tx: &mut Tx<'_>, made: RequestMade) -> StepResult<Self> {
        let RequestMade { request_id, places, .. } = made;
        if places > MOST_PLACES {
            return refused(PlacesRefused { request_id, most: MOST_PLACES });
        }
        sqlx::query("insert into held (request_id, places) values ($1, $2)")
            .bind(request_id.0)
            .bind(i32::from(places))
            .execute(tx.db())
            .await?;
        done(PlacesHeld { request_id, places })
    }
}

impl Compensate for HoldPlaces {
    type Compensated = PlacesFreed;

    /// Gets the very event that `run` published. It is not called if `run` took no effect.
    async fn compensate(&self, tx: &mut Tx<'_>, held: PlacesHeld) -> CompensateResult<Self> {
        let free = sqlx::query("delete from held where request_id = $1");
        free.bind(held.request_id.0).execute(tx.db()).await?;
        compensated(PlacesFreed { request_id: held.request_id })
    }
}

/// The decision, once the places are held and the answer has come, in any order. It does not run if the
/// request was cancelled first.
#[derive(Debug)]
pub(crate) struct ConfirmRequest;

impl Step for ConfirmRequest {
    const NAME: &'static str = "confirm_request";
    type On = (PlacesHeld, RequestAnswered);
    type Done = RequestConfirmed;
    type Refused = Never;

    async fn run(&self, tx: &mut Tx<'_>, (held, _): Self::On) -> StepResult<Self> {
        let confirm = sqlx::query("update request set state = 'confirmed' where request_id = $1");
        confirm.bind(held.request_id.0).execute(tx.db()).await?;
        done(RequestConfirmed { request_id: held.request_id })
    }
}

/// The row that decides how a request ends.
#[derive(Debug)]
pub(crate) struct Requests;

impl Owner for Requests {
    type Saga = RequestHandling;

    async fn abort(&self, tx: &mut Tx<'_>, cancelled: &RequestCancelled) -> Result<(), Failure> {
        sqlx::query("update request set state = 'cancelled', reason = $2 where request_id = $1")
            .bind(cancelled.request_id.0)
            .bind(&cancelled.reason)
            .execute(tx.db())
            .await?;
        Ok(())
    }
}
