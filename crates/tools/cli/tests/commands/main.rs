//! The subcommands that need no system at work, or one of a few lines.

mod catalog;
mod contract;
mod copies;
mod deploy;
mod new;
mod outbox;
mod publish;
mod topology;
