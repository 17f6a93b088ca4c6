//! Servers and worlds of their own for tests, the demo and measurements.
//!
//! [`Servers`] finds or brings up RabbitMQ and Postgres; a [`Bed`] is one test's world in them:
//! a vhost with its topology, users, and a database per service. [`wait_until`] is the way to
//! wait for something. [`suite`] is what every step of a saga has to pass.

mod bed;
mod database;
mod error;
mod management;
pub mod memory;
mod proxy;
mod random;
mod servers;
pub mod suite;
mod tls;
mod url;
mod wait;

pub use bed::Bed;
pub use database::Database;
pub use error::{Error, Result};
pub use management::{Depth, Management};
pub use proxy::{Proxy, Way};
pub use reqwest::Method;
pub use servers::{Options, Postgres, RabbitMq, Servers, Version};
pub use tls::{Authority, Identity};
pub use wait::wait_until;
