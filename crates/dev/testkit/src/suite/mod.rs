//! A suite of checks that every step of a saga has to pass.
//!
//! A step comes with a [`StepCase`]: events that make it done, refused, undone, or fail. The step's declaration decides
//! which checks apply:
//!
//! | step | checks |
//! |---|---|
//! | every one that events trigger | delivered twice, crashes around the commit, two replicas, failing neighbours, many at once |
//! | begins with a request | a crash before the event is published, requested twice, refused without a trace |
//! | may refuse | the same for the refusal, which leaves nothing; refused, then aborted |
//! | is undone | the same for the undo; undo before run, run after undo, both at once |
//! | calls outside | calls and answers that are lost, held or come twice; aborted during a call |
//! | a join | its events in another order, one of them twice |
//! | decision | what is committed first wins |
//!
//! Each check runs the service in this process, over a broker in memory and a real database. It disturbs the service
//! and compares the outcome with that of the same events undisturbed.

mod checks;
mod rig;
#[expect(clippy::module_inception, reason = "the folder is the suite, the file is its type")]
mod suite;

pub use rig::case::{PublishedEvent, StepCase, published};
pub use rig::outside::Outside;
pub use suite::StepSuite;
