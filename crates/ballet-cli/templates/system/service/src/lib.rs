//! `my_service` takes requests, and owns the saga in which the services of `my_system` handle them.

pub mod events;

use ballet::{Failure, Migration, Owner, Participant, Service, Step, StepResult, Tx, done, refused};

use crate::events::{
    RequestAccepted, RequestCancelled, RequestHandling, RequestMade, RequestWithdrawn,
};

/// Accepts a request, or refuses one that says nothing.
#[derive(Debug)]
pub struct AcceptRequest;

impl Step for AcceptRequest {
    const NAME: &'static str = "accept_request";
    type On = RequestMade;
    type Done = RequestAccepted;
    type Refused = RequestCancelled;

    async fn run(&self, tx: &mut Tx<'_>, request: RequestMade) -> StepResult<Self> {
        let RequestMade { request_id, text } = request;
        if text.trim().is_empty() {
            let reason = "it does not say what is wanted".to_owned();
            return refused(RequestCancelled { request_id, reason });
        }
        sqlx::query("insert into request (request_id, wanted, state) values ($1, $2, 'accepted')")
            .bind(request_id)
            .bind(&text)
            .execute(tx.db())
            .await?;
        done(RequestAccepted { request_id, text })
    }
}

/// Decides how a request ends, by its own row.
#[derive(Debug)]
pub struct Requests;

impl Owner for Requests {
    type Saga = RequestHandling;

    async fn abort(&self, tx: &mut Tx<'_>, cancelled: &RequestCancelled) -> Result<(), Failure> {
        sqlx::query("update request set state = 'cancelled' where request_id = $1")
            .bind(cancelled.request_id)
            .execute(tx.db())
            .await?;
        Ok(())
    }
}

const TABLES: &[Migration] = &[Migration {
    name: "0001_request",
    sql: "create table request (request_id uuid primary key, wanted text not null, \
          state text not null)",
}];

/// Everything that the service does. A refusal of another service, once there is one, cancels the
/// request with a further `.aborts_on(..)`.
#[must_use]
pub fn participant() -> Participant {
    Participant::new("my_service").owns(Requests, |saga| {
        saga.starts(AcceptRequest).aborts_on(|withdrawn: RequestWithdrawn| RequestCancelled {
            request_id: withdrawn.request_id,
            reason: "it was withdrawn".to_owned(),
        })
    })
}

/// The service: what it does, and its tables.
#[must_use]
pub fn service() -> Service {
    Service::new(participant()).migrations(TABLES)
}
