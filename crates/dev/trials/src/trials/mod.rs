//! The trials, one in each folder, with the demo and the audit.

pub(crate) mod audit;
pub(crate) mod chaos;
pub(crate) mod degradation;
pub(crate) mod demo;
pub(crate) mod demo_console;
pub(crate) mod demo_shell;
pub(crate) mod kills;
pub(crate) mod report;
