//! Runs the contestants on private servers: measures and checks.

pub(crate) mod console_process;
pub(crate) mod contracts;
pub mod figures;
pub mod load;
pub(crate) mod oracle;
pub(crate) mod process;
pub mod run;
pub(crate) mod services;
pub mod stage;
pub mod statements;
