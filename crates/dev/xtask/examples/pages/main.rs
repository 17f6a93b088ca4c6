//! Files and pages from the systems' declarations. `cargo xtask generate` and `cargo xtask site` run this program, as
//! xtask knows no system.

mod files;
mod joined_services;
mod quotes;
mod rollback;
mod rules;
mod rust_files;
mod site;
mod systems;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use ballet_ops::terminal::ui;
use clap::{Parser, Subcommand};

#[derive(Debug, Parser)]
#[command(name = "cargo xtask", about = "Files and pages that are made from the systems")]
struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Write the broker's definitions and the generated pages.
    Generate {
        /// Write nothing, and fail if a file is out of date.
        #[arg(long)]
        check: bool,
    },
    /// Write the pages of the repository as a site, after a look where their links lead.
    Site(site::Args),
}

fn main() -> ExitCode {
    let done = match Args::parse().command {
        Command::Generate { check } => files::run(check),
        Command::Site(args) => site::run(&args),
    };
    done.unwrap_or_else(|error| {
        ui::say(&format!("{} {error:#}", ui::bad("error:")));
        ExitCode::FAILURE
    })
}

fn root() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..");
    root.canonicalize().unwrap_or(root)
}
