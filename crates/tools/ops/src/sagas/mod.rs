//! Past events of sagas and why they wait, from all ledgers. An unavailable database is named, and the rest is read.

mod answer;
mod explain;
pub mod journal;
mod key_query;
mod ledger_step;
mod list;
pub(crate) mod repeated_reads;
pub(crate) mod saga_state;
mod service_state;
mod show;
mod solve;
mod solve_error;
mod stop;
mod versions;

pub use crate::standing::hindrance::{Hindrance, hindrances};
pub use answer::{AnsweredCall, CallFollowUp, CallOutcome, KnownCall, answer};
pub use key_query::{KeyQuery, KeyedSagas, keyed};
pub use list::{ListedSaga, ListedSagas, SagaQuery, list, open};
pub use saga_state::{PATIENCE, PressingWait, SagaState, SagaWait};
pub use show::{SagaDetails, SagaEvent, show};
pub use solve::{FailedMessageState, MakeEvent, ManualCompensation, SolvedStep, solve};
pub use solve_error::SolveError;
pub use stop::{StoppableSaga, stop, stoppable};
pub use versions::{SagaVersion, VersionRole, has_versions, versions};
