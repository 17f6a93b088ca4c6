//! Servers and environments for tests, the demo and measurements.
//!
//! [`Servers`] finds or brings up RabbitMQ and Postgres. A [`TestEnv`] is the environment of one test on
//! them: a vhost with its topology, users, and a database per service. [`wait_until`] waits for a
//! condition. An [`OwnProcess`] is a service that a test can kill, a
//! [`ServiceProcess`] one that runs from its program. [`assert_sound`] checks the declarations of all services together, [`assert_contract`] a service's
//! contract among those of its system. [`suite`] has the checks that every step of a saga has to pass, [`openapi`] those of a service's
//! HTTP routes, [`participant`] those of a program in any language, and [`memory`] a broker without a server.

#[doc(hidden)]
pub mod advice;
mod collector;
mod env;
mod error;
mod management;
pub mod memory;
pub mod openapi;
mod own_process;
pub mod participant;
mod processes;
mod proxy;
mod random;
mod servers;
mod sound;
pub mod suite;
mod tls;
mod url;
mod wait;

pub use collector::{Collected, Collector};
pub use env::{Database, Reader, TestEnv};
pub use error::{Error, Result};
pub use management::{Depth, Management};
pub use own_process::OwnProcess;
pub use processes::{
    children::{Child, Children},
    service::{Launch, ServiceProcess},
};
pub use proxy::{Link, Proxy};
pub use reqwest::Method;
pub use servers::{Options, Postgres, RabbitMq, Servers, Version, python};
pub use sound::{assert_contract, assert_sound};
pub use tls::{Authority, Identity};
pub use wait::wait_until;
