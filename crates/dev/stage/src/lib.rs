//! A running system: servers, environments on them, and services as processes.
//!
//! [`Stage::of`] brings a whole system up from its services' declarations. Its parts can be used alone:
//! [`Servers`] finds or brings up RabbitMQ and Postgres. A [`TestEnv`] is an environment on them: a vhost
//! with its topology, users, and a database per service. [`ManagementClient`] is the broker's management API.
//! An [`OwnProcess`] is a service that can be killed, a [`ServiceProcess`] one that runs from its
//! program. A [`Proxy`] is a connection that can fail. [`wait_until`] waits for a condition. A [`Selector`] finds what an
//! alarm asks for among the metrics of a process. [`show_one_saga`] is a whole run of one saga, for a first look.

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
mod urls;
mod wait;

pub use ballet_amqp::QueueDepth;
pub use env::{Database, TableReader, TestEnv};
pub use error::{Error, Result};
pub use hyper::Method;
pub use management::ManagementClient;
pub use one_saga::show_one_saga;
pub use own_process::OwnProcess;
pub use processes::{
    cargo::cargo_variables,
    children::{Child, Children},
    service::{ServiceLaunch, ServiceProcess, last_lines, set_addresses},
    usage,
};
pub use proxy::{Link, Proxy};
pub use selector::{Sample, Selector, samples};
pub use servers::{
    Options, Postgres, RabbitMq, ServerVersion, Servers, TlsIdentity, left_out, program, python,
    python_with,
};
pub use stage::{Stage, StageSetting, variables, write_exports, write_private};
pub use wait::wait_until;
