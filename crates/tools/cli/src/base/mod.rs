//! What all subcommands share: options, exit codes, output, contracts.

pub(crate) mod cargo;
pub(crate) mod exit;
pub(crate) mod input;
pub(crate) mod options;
pub(crate) mod systems;
pub(crate) mod time_or_age;
pub(crate) mod ui;
