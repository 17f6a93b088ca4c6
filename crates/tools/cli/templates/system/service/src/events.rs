//! The events of `my_service`, and the saga that they belong to. A service that reads them declares the
//! fields that it needs: `contracts` has all of them.

use ballet::{event, saga};

ballet::core::ids! {
    /// A request, which is also its saga.
    RequestId,
}

/// Somebody wants something: the saga begins.
// People ask for it by its key: `ballet sagas show request=...`.
#[event("my_service.request_made.v1", in_saga, keys(request = request_id.made_here()))]
pub struct RequestMade {
    /// The request.
    pub request_id: RequestId,
    /// The text of the request.
    pub text: String,
    /// The number of places.
    pub places: u16,
}

/// The places are held for the request.
#[event("my_service.places_held.v1", in_saga, keys(request = request_id))]
pub struct PlacesHeld {
    /// The request.
    pub request_id: RequestId,
    /// The number of places.
    pub places: u16,
}

/// The refusal: there are not that many places.
#[event("my_service.places_refused.v1", in_saga, keys(request = request_id))]
pub struct PlacesRefused {
    /// The request.
    pub request_id: RequestId,
    /// The most that a request can have.
    pub most: u16,
}

/// The places are free again.
#[event("my_service.places_freed.v1", in_saga, keys(request = request_id))]
pub struct PlacesFreed {
    /// The request.
    pub request_id: RequestId,
}

/// The person who was asked has agreed. The event comes from outside, from the producer `clerk`, who may publish this
/// and nothing else.
#[event("my_service.request_answered.v1", in_saga, also_from("clerk"), keys(request = request_id))]
pub struct RequestAnswered {
    /// The request.
    pub request_id: RequestId,
}

/// The decision: the request is granted, and can no longer be cancelled.
#[event("my_service.request_confirmed.v1", in_saga, keys(request = request_id))]
pub struct RequestConfirmed {
    /// The request.
    pub request_id: RequestId,
}

/// The deadline has passed without a decision. The service sends this event to itself.
#[event("my_service.request_overdue.v1", in_saga, keys(request = request_id))]
pub struct RequestOverdue {
    /// The request.
    pub request_id: RequestId,
}

/// The request is cancelled: every service takes back its part.
#[event("my_service.request_cancelled.v1", in_saga, keys(request = request_id))]
pub struct RequestCancelled {
    /// The request.
    pub request_id: RequestId,
    /// The reason.
    pub reason: String,
}

/// From a request to its end.
#[saga("request_handling", owner = "my_service", abort = RequestCancelled)]
pub struct RequestHandling;
