//! The events of other services that `my_service` reads, and those that it publishes.

use ballet::{Event, EventType, Saga};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

// FIELDS_OF_TRIGGER
/// The event that the service waits for.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct MyTrigger {}

impl Event for MyTrigger {
    const TYPE: EventType = TYPE_OF_TRIGGER;
}

// FIELDS_OF_ABORT
/// The saga is aborted: every service takes back its part.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct MyAbort {}

impl Event for MyAbort {
    const TYPE: EventType = TYPE_OF_ABORT;
}

/// The service has done its part.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct PartDone {}

impl Event for PartDone {
    const TYPE: EventType = EventType::in_saga("my_service.part_done.v1");
}

/// The service has taken back its part.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct PartTakenBack {}

impl Event for PartTakenBack {
    const TYPE: EventType = EventType::in_saga("my_service.part_taken_back.v1");
}

/// The saga, as its owner declares it.
#[derive(Debug)]
pub struct MySaga;

impl Saga for MySaga {
    const NAME: &'static str = "my_saga";
    const OWNER: &'static str = "my_owner";
    type Abort = MyAbort;
}
