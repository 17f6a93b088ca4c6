//! Tries a system by what it says about itself.
//!
//! A system implements [`Trial`]: its services, what its customers do, how that must end, and what must hold
//! between its databases. Its program calls [`main`], and is then the command with `demo`, `audit`, `chaos`,
//! `degradation`, `kills` and `soak`; as a process of a trial, the same program is one of the services.
//!
//! | what a system says | read |
//! |---|---|
//! | everything | [`Trial`] |
//! | a service | [`ServiceProgram`] |
//! | what a customer does, and how it must end | [`Case`], [`Begun`], [`End`] |
//! | what a client can do while a service is down | [`Operation`], [`Overdue`] |
//! | the gateway in front of it | [`Front`] |
//! | a provider outside that a service plays itself | [`Sandbox`] |
//!
//! | what it works with | read |
//! |---|---|
//! | while a customer acts | [`Site`], [`SiteClient`] |
//! | in its audit | [`Audit`], [`Endpoints`], [`Report`] |

#![warn(missing_docs)]

mod audit;
mod begun;
mod case;
mod chaos;
mod command;
mod degradation;
pub mod demo;
mod demo_console;
mod dice;
mod endpoints;
mod gateway;
mod http;
mod kills;
mod load;
mod operation;
mod oracle;
mod percentile;
mod placed;
mod program;
mod report;
mod running;
mod scene;
mod soak;
mod stop;
mod subject;
mod trial;
mod turnout;

pub use ballet_ops::audit::Report;
pub use begun::{Begun, End};
pub use case::{Case, mix};
pub use command::{Command, main, run, served};
pub use demo::{Args as DemoArgs, run as demo};
pub use demo_console::{DemoConsole, SAYS as CONSOLE_SAYS, demo_console};
pub use dice::Dice;
pub use endpoints::Endpoints;
pub use gateway::{Front, GATEWAY, Gateway, Program, SECRET, drawn_secret};
pub use http::send_until_answered;
pub use operation::{Attempt, Operation, Seen, judge, seen};
pub use percentile::at_share;
pub use placed::{Placed, Sagas};
pub use program::{SERVICE, ServiceProgram};
pub use running::run_dir::run_dir;
pub use scene::{
    client::{SiteClient, id, unless_away},
    journal::{Entry, Journal, Witness},
    producer::Producer,
    site::Site,
};
pub use stop::Stop;
pub use subject::Subject;
pub use trial::{Audit, Overdue, Sandbox, Trial};
