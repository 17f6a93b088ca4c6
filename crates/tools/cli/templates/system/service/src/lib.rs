//! `my_service` takes requests over HTTP, and owns the saga in which the services of `my_system` handle
//! them.

pub mod events;
pub mod http;
mod steps;

use ballet::{Migration, Participant, Service};
use jiff::SignedDuration;

use crate::events::{PlacesRefused, RequestCancelled, RequestId, RequestMade, RequestOverdue};
use crate::steps::{ConfirmRequest, HoldPlaces, Requests};

/// The longest time that a request waits for its decision.
const DEADLINE: SignedDuration = SignedDuration::from_mins(15);

const TABLES: &[Migration] = &[Migration {
    name: "0001_request",
    sql: "create table request (request_id uuid primary key, idempotency_key text unique, \
          wanted text not null, places int not null, state text not null default 'open', reason text); \
          create table held (request_id uuid primary key, places int not null)",
}];

/// Everything that the service does. A refusal of another service, once there is one, cancels the
/// request with a further `.aborts_on(..)`, and `ConfirmRequest` waits for that step's event, too: after the
/// decision nothing is cancelled.
#[must_use]
pub fn participant(deadline: SignedDuration) -> Participant {
    Participant::new("my_service").owns(Requests, |saga| {
        saga.originates::<RequestMade>("make_request")
            .compensatable(HoldPlaces)
            .aborts_on(|PlacesRefused { request_id, most }| {
                cancelled(request_id, &format!("there are {most} places at most"))
            })
            .deadline(
                deadline,
                |due| RequestOverdue { request_id: RequestId(due.saga_id.0) },
                |RequestOverdue { request_id }| cancelled(request_id, "nobody answered in time"),
            )
            .decides(ConfirmRequest)
    })
}

fn cancelled(request_id: RequestId, reason: &str) -> RequestCancelled {
    RequestCancelled { request_id, reason: reason.to_owned() }
}

/// The service: its steps, its tables and its HTTP routes.
#[must_use]
pub fn service() -> Service {
    with_deadline(DEADLINE)
}

/// The service with another time for the decision.
#[must_use]
pub fn with_deadline(deadline: SignedDuration) -> Service {
    Service::new(participant(deadline))
        .migrations(TABLES)
        .routes(|handle| http::api().router(handle))
}
