//! What every subcommand stands on: options, exit codes, output, the contracts that are read.

pub(crate) mod cargo;
pub(crate) mod confirm;
pub(crate) mod exit;
pub(crate) mod input;
pub(crate) mod moment;
pub(crate) mod options;
pub(crate) mod systems;
pub(crate) mod ui;
