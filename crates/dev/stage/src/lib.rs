//! A running system: servers, environments on them, and services as processes.
//!
//! [`Stage::of`] brings a whole system up from its services' declarations. Its parts also work alone: [`Servers`] finds
//! or brings up RabbitMQ and Postgres; a [`TestEnv`] is a vhost with its topology, users and databases;
//! [`ManagementClient`] is the broker's management API; an [`OwnProcess`] is a service that can be killed, a
//! [`ServiceProcess`] one that runs from its program; a [`Proxy`] is a connection that can fail; [`wait_until`] waits
//! for a condition; a [`Selector`] finds an alarm's metrics; [`show_one_saga`] runs one saga.

mod env;
mod error;
mod management;
mod one_saga;
mod own_process;
mod processes;
mod proxy;
mod random;
mod selector;
mod servers;
mod stage;
mod url;
mod wait;

pub use env::{Database, IdleSessions, TableReader, TestEnv};
pub use error::{Error, Result};
pub use management::{ManagementClient, QueueDepth};
pub use one_saga::show_one_saga;
pub use own_process::OwnProcess;
pub use processes::{
    cargo::cargo_variables,
    children::{Child, Children},
    service::{ServiceLaunch, ServiceProcess, last_lines, set_addresses},
    usage,
};
pub use proxy::{Link, Proxy};
pub use reqwest::Method;
pub use selector::{Sample, Selector, samples};
pub use servers::{
    Options, Postgres, RabbitMq, ServerVersion, Servers, TlsIdentity, left_out, program, python,
};
pub use stage::{Stage, StageSetting, variables, write_exports, write_private};
pub use wait::wait_until;
