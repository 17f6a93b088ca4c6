//! The saga `saga4` and its events, the same for every contestant.
//!
//! `a` opens, `b`, `c` and `d` move, `a` closes. If `c` refuses, `a` cancels and `b` undoes.

use ballet::{Event, EventType, Saga};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The services. Each is a process with its own queue and database.
pub const SERVICES: [&str; 4] = ["a", "b", "c", "d"];
/// The producer that starts sagas.
pub const DRIVER: &str = "driver";
/// The number of rows in each database that all sagas share.
pub const ACCOUNTS: i32 = 1000;
/// The number of messages in a saga.
pub const MESSAGES: MessageCounts = MessageCounts { closed: 5, cancelled: 7 };

/// The number of messages that the services handle in one saga.
#[derive(Debug, Clone, Copy)]
pub struct MessageCounts {
    /// A completed saga: wanted, opened, moved, moved, moved.
    pub closed: u32,
    /// A refused saga: wanted, opened, moved, refused, and cancelled three times.
    pub cancelled: u32,
}

/// The order that a saga carries out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Order {
    /// The row that every step changes in its database.
    pub account: i32,
    /// The change of the balance.
    pub amount: i64,
    /// Whether `c` refuses.
    pub refused: bool,
    /// Text that makes the message as long as a usual one.
    pub memo: String,
}

macro_rules! events {
    ($($(#[$doc:meta])* $name:ident = $type:expr;)+) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
        #[serde(transparent)]
        pub struct $name<const PACKS: bool>(pub Order);

        impl<const PACKS: bool> Event for $name<PACKS> {
            const TYPE: EventType = if PACKS { $type.packs() } else { $type };
        }
    )+};
}

events! {
    /// A saga is requested.
    Wanted = EventType::starts_saga("a.wanted.v1").also_from(&[DRIVER]);
    /// The saga has started.
    Opened = EventType::in_saga("a.opened.v1");
    /// `b` has done its step.
    MovedB = EventType::in_saga("b.moved.v1");
    /// `c` has done its step.
    MovedC = EventType::in_saga("c.moved.v1");
    /// `c` has refused.
    RefusedC = EventType::in_saga("c.refused.v1");
    /// `d` has done its step.
    MovedD = EventType::in_saga("d.moved.v1");
    /// The saga is completed.
    Closed = EventType::in_saga("a.closed.v1");
    /// The saga is aborted.
    Cancelled = EventType::in_saga("a.cancelled.v1");
    /// `b` has undone its step.
    UndoneB = EventType::in_saga("b.compensated.v1");
    /// `c` has undone its step.
    UndoneC = EventType::in_saga("c.compensated.v1");
    /// `d` has undone its step.
    UndoneD = EventType::in_saga("d.compensated.v1");
}

/// The saga, whose events leave in packs or alone.
#[derive(Debug)]
pub struct Saga4<const PACKS: bool>;

impl<const PACKS: bool> Saga for Saga4<PACKS> {
    const NAME: &'static str = "saga4";
    const OWNER: &'static str = "a";
    type Abort = Cancelled<PACKS>;
}
