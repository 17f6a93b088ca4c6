//! The events of `my_service`, and the saga that they belong to. A service that reads them declares the
//! fields that it needs: `contracts` has all of them.

use ballet::{Event, EventType, Saga};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Somebody wants something. It comes from outside, from the producer `client`.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct RequestMade {
    /// The request, which is also the saga.
    pub request_id: Uuid,
    /// What is wanted.
    pub text: String,
}

impl Event for RequestMade {
    const TYPE: EventType =
        EventType::starts_saga("my_service.request_made.v1").also_from(&["client"]);
}

/// The request is accepted, and the other services do their parts.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct RequestAccepted {
    /// The request.
    pub request_id: Uuid,
    /// What is wanted.
    pub text: String,
}

impl Event for RequestAccepted {
    const TYPE: EventType = EventType::in_saga("my_service.request_accepted.v1");
}

/// Whoever made the request does not want it any more. It comes from the producer `client`.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct RequestWithdrawn {
    /// The request.
    pub request_id: Uuid,
}

impl Event for RequestWithdrawn {
    const TYPE: EventType =
        EventType::in_saga("my_service.request_withdrawn.v1").also_from(&["client"]);
}

/// The request is cancelled: every service takes back its part.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct RequestCancelled {
    /// The request.
    pub request_id: Uuid,
    /// Why.
    pub reason: String,
}

impl Event for RequestCancelled {
    const TYPE: EventType = EventType::in_saga("my_service.request_cancelled.v1");
}

/// From a request to its end.
#[derive(Debug)]
pub struct RequestHandling;

impl Saga for RequestHandling {
    const NAME: &'static str = "request_handling";
    const OWNER: &'static str = "my_service";
    type Abort = RequestCancelled;
}
