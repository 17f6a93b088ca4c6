//! What sagas have done and what they wait for, as the ledgers of all services have it. A database that
//! does not answer is named, and the rest is read.

mod explain;
pub mod journal;
mod keyed;
mod list;
mod looks;
mod open;
mod refused;
mod show;
mod solve;
mod standing;
mod state;
mod stop;
mod wait;

pub use keyed::{KeyIs, KeyedSagas, ending, keyed};
pub use list::{ListedSaga, ListedSagas, Standing, Wanted, list};
pub use open::{OpenSaga, OpenSagas, open};
pub use refused::NotSolved;
pub use show::{Happened, Shown, show};
pub use solve::{ByHand, EventOf, FailedMessage, SolvedStep, solve};
pub use stop::{NotStopped, Stoppable, stop, stoppable};
pub use wait::Wait;
