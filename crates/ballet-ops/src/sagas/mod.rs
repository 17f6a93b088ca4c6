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

pub use answer::{AnsweredCall, CallOutcome, CallThen, KnownCall, answer};
pub use hindrance::{
    Hindrance, of_broker as hindrances_of_broker, of_service as hindrances_of_service,
};
pub use keyed::{KeyIs, KeyedSagas, ending, keyed};
pub use list::{ListedSaga, ListedSagas, Wanted, list};
pub use open::{OpenSaga, OpenSagas, open};
pub use refused::NotSolved;
pub use saga_state::{PATIENCE, Pressing, SagaState, Wait};
pub use show::{Happened, Shown, show};
pub use solve::{ByHand, EventOf, FailedMessage, SolvedStep, solve};
pub use stop::{NotStopped, Stoppable, stop, stoppable};
pub use versions::{Version, VersionRole, has_versions, versions};
