//! RabbitMQ and Postgres: named by the environment, or brought up for us alone.

mod backend;
pub(crate) mod definitions;
mod docker;
mod find;
mod in_memory;
mod install;
mod node_home;
pub(crate) mod options;
pub(crate) mod pair;
mod ports;
pub(crate) mod postgres;
pub(crate) mod postgres_access;
mod postgres_node;
mod process;
mod programs;
pub(crate) mod rabbitmq;
pub(crate) mod rabbitmq_access;
mod rabbitmq_node;
pub(crate) mod scram;
mod server_set;
mod source;
mod user;
mod version;

pub use find::program;
pub use options::{Options, TlsIdentity};
pub use pair::Servers;
pub use postgres::Postgres;
pub use programs::{left_out, python, python_with};
pub use rabbitmq::RabbitMq;
pub use version::ServerVersion;
