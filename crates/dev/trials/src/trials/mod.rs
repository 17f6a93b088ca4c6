//! The trials, with the demo and the audit.

pub(crate) mod audit;
pub(crate) mod chaos;
pub(crate) mod degradation;
pub(crate) mod demo;
mod demo_shell;
mod environment;
pub(crate) mod explore;
pub(crate) mod kills;
mod oracle;
mod report;
mod scene;
