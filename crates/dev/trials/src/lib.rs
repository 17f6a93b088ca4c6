//! Tries systems by what each says about itself.
//!
//! A system implements [`Trial`]: its services, its customers, the expected ends of their sagas, and invariants between
//! its databases. Its program calls [`main`], which has `demo`, `audit`, `chaos`, `degradation`, `kills` and `explore`, and is
//! one of the services as a process of a trial.
//!
//! | what a system says | read |
//! |---|---|
//! | everything | [`Trial`] |
//! | a service | [`ServiceProgram`] |
//! | what clients do in a schedule | [`Move`] |
//! | what a customer does, and how it must end | [`Case`], [`BegunSaga`], [`End`] |
//! | what a client can do while a service is down | [`Operation`], [`OverdueDeadline`] |
//! | the gateway in front of it | [`GatewaySetup`] |
//! | a provider outside that a service plays itself | [`Sandbox`] |
//!
//! | what it works with | read |
//! |---|---|
//! | while a customer acts | [`Site`], [`SiteClient`] |
//! | in its audit | [`Audit`], [`Endpoints`], [`Report`] |

#![warn(missing_docs)]

mod command;
mod customers;
mod dice;
mod load;
mod processes;
mod running;
mod scene;
mod system;
mod trials;

pub use ballet_ops::audit::Report;
pub use ballet_testkit::explore::Move;
pub use command::main;
pub use customers::begun_saga::{BegunSaga, End};
pub use customers::case::Case;
pub use customers::http::send_until_answered;
pub use customers::operation::{Attempt, ClientAnswer, Operation, judge, seen};
pub use dice::Dice;
pub use processes::endpoints::Endpoints;
pub use processes::gateway::{ConfiguredProgram, Gateway, GatewaySetup, secret};
pub use processes::program::ServiceProgram;
pub use running::run_dir::run_dir;
pub use scene::{
    client::{SiteClient, id, unless_away},
    site::Site,
};
pub use system::trial::{Audit, OverdueDeadline, Sandbox, Trial};
pub use trials::explore::schedules;
