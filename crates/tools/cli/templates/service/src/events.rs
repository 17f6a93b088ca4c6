//! The events of other services that `my_service` reads, and those that it publishes.

use ballet::{event, saga};

// FIELDS_OF_TRIGGER
/// The event that the service waits for.
#[event(WORDS_OF_TRIGGER)]
pub struct MyTrigger {}

// FIELDS_OF_ABORT
/// The saga is aborted: every service takes back its part.
#[event(WORDS_OF_ABORT)]
pub struct MyAbort {}

/// The service has done its part.
#[event("my_service.part_done.v1", in_saga)]
pub struct PartDone {}

/// The service has taken back its part.
#[event("my_service.part_taken_back.v1", in_saga)]
pub struct PartTakenBack {}

/// The saga, as its owner declares it.
#[saga("my_saga", owner = "my_owner", abort = MyAbort)]
pub struct MySaga;
