//! A saga for tests of the suite: somebody wishes for something.

use ballet::Saga;

/// Declares events of the saga.
macro_rules! events {
    ($($name:ident = $text:literal)+) => {$(
        #[derive(Debug, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
        pub(crate) struct $name { pub(crate) wish: String }
        impl ballet::Event for $name {
            const TYPE: ballet::EventType = ballet::EventType::in_saga($text);
        }
    )+};
}
pub(crate) use events;

events! {
    Cancelled = "desk.cancelled.v1"
}

pub(crate) struct Wish;

impl Saga for Wish {
    const NAME: &'static str = "wish";
    const OWNER: &'static str = "desk";
    type Abort = Cancelled;
}
