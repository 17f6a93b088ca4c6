//! Small examples, one topic in each file, all in one cinema. Read them in any order; each takes two minutes.
//!
//! | topic | example | service |
//! |---|---|---|
//! | begin a saga by an event that HTTP publishes | [`begin_a_saga`] | `box_office` |
//! | react to an event with a local step | [`local_step`] | `door` |
//! | compensate | [`compensate`] | `snack_bar` |
//! | refuse, so that the saga is aborted | [`refuse`] | `hall` |
//! | call another company under an idempotency key, and take the call back | [`call_outside`] | `cashier` |
//! | end a saga by its deadline | [`deadline`] | `reservations` |
//! | stay open until signs of life end | [`watch`] | `screenings` |
//! | repeat a step, and take one repetition back | [`repeat`] | `parties` |
//! | handle many messages with one statement | [`bulk_step`] | `club` |
//! | share an entity with other services | [`share`] | `programme` |
//! | keep a copy of another service's entity | [`copy`] | `kiosk` |
//! | take an older version of an event | [`upcast`] | `visitors` |
//! | add a step that may refuse while sagas are in flight | [`two_versions`] | `lounge` |
//! | fail: try again, wait for another event, or give up | [`failures`] | `kitchen` |
//! | keep rows that follow from telemetry | [`telemetry`] | `projectors` |
//! | answer a query in pages | [`query`] | `board` |
//! | several handlers with settings from the environment | [`settings`] | `foyer` |
//!
//! Most take part in one saga, [`ticket_order`]. The test of an example has the same name, in `tests/concepts`, and
//! uses it as others do: it drops a message on the broker, and looks at events, rows and answers.

pub mod begin_a_saga;
pub mod bulk_step;
pub mod call_outside;
pub mod compensate;
pub mod copy;
pub mod deadline;
pub mod failures;
pub mod local_step;
pub mod query;
pub mod refuse;
pub mod repeat;
pub mod settings;
pub mod share;
pub mod telemetry;
pub mod ticket_order;
pub mod two_versions;
pub mod upcast;
pub mod watch;
