//! The engine: one transaction, what an arrival does in it, and the calls that follow.

pub(crate) mod aborts_held;
pub(crate) mod age;
pub(crate) mod arrivals;
pub(crate) mod caller;
pub(crate) mod calls;
pub(crate) mod commit;
pub(crate) mod compensation;
pub(crate) mod database;
pub(crate) mod effect;
#[expect(clippy::module_inception, reason = "the file holds what the folder is named after")]
pub(crate) mod engine;
pub(crate) mod handlers;
pub(crate) mod lone_step;
pub(crate) mod refusal;
pub(crate) mod registry;
pub(crate) mod rollback;
pub(crate) mod saga_work;
pub(crate) mod shared_clock;
pub(crate) mod stopping;
pub(crate) mod transaction;
