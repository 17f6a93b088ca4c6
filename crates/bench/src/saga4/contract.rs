//! The saga `saga4` and its events, the same for every contestant.
//!
//! `a` opens, `b`, `c` and `d` move, `a` closes. If `c` refuses, `a` cancels and `b` undoes.

use ballet::core::System;
use ballet::{Event, EventType, Participant, Saga};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The services; each is a process with a queue and a database of its own.
pub const SERVICES: [&str; 4] = ["a", "b", "c", "d"];
/// Who starts sagas.
pub const DRIVER: &str = "driver";
/// How many rows the moves of all sagas share in each database.
pub const ACCOUNTS: i32 = 1000;
/// How many messages are handled in a saga that goes well, and in one that is refused.
pub const MESSAGES: Messages = Messages { closed: 5, cancelled: 7 };

/// How many messages the services handle in one saga.
#[derive(Debug, Clone, Copy)]
pub struct Messages {
    /// wanted, opened, moved, moved, moved.
    pub closed: u32,
    /// wanted, opened, moved, refused, and three times cancelled.
    pub cancelled: u32,
}

/// What a saga is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Order {
    /// The row that every step changes in its own database.
    pub account: i32,
    /// By how much.
    pub amount: i64,
    /// Whether `c` says no.
    pub refused: bool,
    /// The service whose step fails for good, if any does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fails_at: Option<String>,
    /// So that a message is as long as messages are.
    pub memo: String,
}

macro_rules! events {
    ($($(#[$doc:meta])* $name:ident = $type:expr;)+) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
        #[serde(transparent)]
        pub struct $name(pub Order);

        impl Event for $name {
            const TYPE: EventType = $type;
        }
    )+};
}

events! {
    /// Somebody wants a saga.
    Wanted = EventType::starts_saga("a.wanted.v1").also_from(&[DRIVER]);
    /// It has begun.
    Opened = EventType::in_saga("a.opened.v1");
    /// `b` has done its step.
    MovedB = EventType::in_saga("b.moved.v1");
    /// `c` has done its step.
    MovedC = EventType::in_saga("c.moved.v1");
    /// `c` said no.
    RefusedC = EventType::in_saga("c.refused.v1");
    /// `d` has done its step.
    MovedD = EventType::in_saga("d.moved.v1");
    /// The saga has ended well.
    Closed = EventType::in_saga("a.closed.v1");
    /// The saga is aborted.
    Cancelled = EventType::in_saga("a.cancelled.v1");
    /// `b` has undone its step.
    UndoneB = EventType::in_saga("b.undone.v1");
    /// `c` has undone its step.
    UndoneC = EventType::in_saga("c.undone.v1");
    /// `d` has undone its step.
    UndoneD = EventType::in_saga("d.undone.v1");
}

/// The saga.
#[derive(Debug)]
pub struct Saga4;

impl Saga for Saga4 {
    const NAME: &'static str = "saga4";
    const OWNER: &'static str = "a";
    type Abort = Cancelled;
}

/// The system that the broker's topology is made from, for every contestant.
#[must_use]
pub fn system() -> System {
    let parts = SERVICES.iter().filter_map(|service| crate::ordinary::participant(service));
    System { name: "saga4", parts: parts.map(|part: Participant| part.part()).collect() }
}
