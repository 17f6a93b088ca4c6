//! The past events of sagas and the reasons why they wait, from the ledgers of all services. A database that does not
//! answer is named, and the rest is read.

mod answer;
mod explain;
mod hindrance;
pub mod journal;
mod keyed;
mod list;
mod looks;
mod open;
mod refused;
mod saga_state;
mod show;
mod solve;
mod standing;
mod state;
mod stop;
mod versions;

pub use answer::{AnsweredCall, CallFollowUp, CallOutcome, KnownCall, answer};
pub use hindrance::{
    Hindrance, of_broker as hindrances_of_broker, of_service as hindrances_of_service,
};
pub use keyed::{KeyQuery, KeyedSagas, ending, keyed};
pub use list::{ListedSaga, ListedSagas, SagaQuery, list};
pub use open::{OpenSaga, OpenSagas, open};
pub use refused::SolveError;
pub use saga_state::{PATIENCE, PressingWait, SagaState, SagaWait};
pub use show::{SagaDetails, SagaEvent, show};
pub use solve::{FailedMessage, MakeEvent, ManualCompensation, SolvedStep, solve};
pub use stop::{StopError, StoppableSaga, stop, stoppable};
pub use versions::{SagaVersion, VersionRole, has_versions, versions};
