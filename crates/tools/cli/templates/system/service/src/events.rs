//! The events of `my_service`, and the saga that they belong to. A service that reads them declares the
//! fields that it needs: `contracts` has all of them.

use ballet::{Event, EventType, Key, Saga};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

ballet::core::ids! {
    /// A request, which is also its saga.
    RequestId,
}

/// The key by which people ask for a request: `ballet sagas show request=...`.
const REQUEST: Key = Key::of("request", "request_id");

/// Somebody wants something: the saga begins.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct RequestMade {
    /// The request.
    pub request_id: RequestId,
    /// The text of the request.
    pub text: String,
    /// The number of places.
    pub places: u16,
}

impl Event for RequestMade {
    const TYPE: EventType = EventType::in_saga("my_service.request_made.v1");
    const KEYS: &'static [Key] = &[REQUEST.made_here()];
}

/// The places are held for the request.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct PlacesHeld {
    /// The request.
    pub request_id: RequestId,
    /// The number of places.
    pub places: u16,
}

impl Event for PlacesHeld {
    const TYPE: EventType = EventType::in_saga("my_service.places_held.v1");
    const KEYS: &'static [Key] = &[REQUEST];
}

/// The refusal: there are not that many places.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct PlacesRefused {
    /// The request.
    pub request_id: RequestId,
    /// The most that a request can have.
    pub most: u16,
}

impl Event for PlacesRefused {
    const TYPE: EventType = EventType::in_saga("my_service.places_refused.v1");
    const KEYS: &'static [Key] = &[REQUEST];
}

/// The places are free again.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct PlacesFreed {
    /// The request.
    pub request_id: RequestId,
}

impl Event for PlacesFreed {
    const TYPE: EventType = EventType::in_saga("my_service.places_freed.v1");
    const KEYS: &'static [Key] = &[REQUEST];
}

/// The person who was asked has agreed. The event comes from outside, from the producer `clerk`, who may publish this
/// and nothing else.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct RequestAnswered {
    /// The request.
    pub request_id: RequestId,
}

impl Event for RequestAnswered {
    const TYPE: EventType =
        EventType::in_saga("my_service.request_answered.v1").also_from(&["clerk"]);
    const KEYS: &'static [Key] = &[REQUEST];
}

/// The decision: the request is granted, and can no longer be cancelled.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct RequestConfirmed {
    /// The request.
    pub request_id: RequestId,
}

impl Event for RequestConfirmed {
    const TYPE: EventType = EventType::in_saga("my_service.request_confirmed.v1");
    const KEYS: &'static [Key] = &[REQUEST];
}

/// The deadline has passed without a decision. The service sends this event to itself.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct RequestOverdue {
    /// The request.
    pub request_id: RequestId,
}

impl Event for RequestOverdue {
    const TYPE: EventType = EventType::in_saga("my_service.request_overdue.v1");
    const KEYS: &'static [Key] = &[REQUEST];
}

/// The request is cancelled: every service takes back its part.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct RequestCancelled {
    /// The request.
    pub request_id: RequestId,
    /// The reason.
    pub reason: String,
}

impl Event for RequestCancelled {
    const TYPE: EventType = EventType::in_saga("my_service.request_cancelled.v1");
    const KEYS: &'static [Key] = &[REQUEST];
}

/// From a request to its end.
#[derive(Debug)]
pub struct RequestHandling;

impl Saga for RequestHandling {
    const NAME: &'static str = "request_handling";
    const OWNER: &'static str = "my_service";
    type Abort = RequestCancelled;
}
