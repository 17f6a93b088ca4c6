//! `cargo xtask test`: starts the servers, runs the tests, and ends both.
//!
//! Test programs run side by side. The commit chooses one of the trials, and a share of very many cases. `--long` runs
//! everything.

pub(crate) mod counts;
pub(crate) mod programs;
pub(crate) mod running;
pub(crate) mod servers;
mod side_by_side;

use std::num::NonZeroUsize;
use std::process::ExitCode;

use anyhow::Result;

use crate::cargo;
use crate::say::say;
use crate::test::running::RunSetting;
use crate::test::servers::TestServers;
use crate::test::side_by_side::{IdleMeter, ProgramSlots};

const THREADS: &str = "RUST_TEST_THREADS";
/// Chooses the share. Without it such a test takes all its cases.
const TURN: &str = "BALLET_TURN";

/// Without `long`, one of the trials runs.
pub(crate) fn run(long: bool) -> Result<ExitCode> {
    let Some(built) = programs::build()? else { return Ok(ExitCode::FAILURE) };
    let turn = cargo::commit().and_then(|commit| turn(&commit)).filter(|_| !long);
    let mut programs = built.tests;
    programs.retain(|program| long || program.is_usual(turn));
    let mut env = environment()?;
    if let Some(turn) = turn {
        say(
            "of trials and of tests with very many cases this takes the commit's share; --long takes all",
        );
        env.push((TURN.to_owned(), turn.to_string()));
    }
    let servers = TestServers::start(&built.servers)?;
    env.extend(servers.env.iter().cloned());
    let setting = RunSetting { output: cargo::target()?.join("test-output"), env };
    let (mut idle, processors) = (IdleMeter::default(), processors());
    let slots = ProgramSlots {
        least: processors + 1,
        most: 2 * processors + 2,
        idle: Box::new(move || idle.since_the_last()),
    };
    let passed = side_by_side::run(programs, slots, &setting);
    // Nothing is left running.
    servers.stop()?;
    Ok(if passed? { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The variables of a test program, but for those of the servers.
pub(crate) fn environment() -> Result<Vec<(String, String)>> {
    let mut env = cargo::configured()?;
    if std::env::var_os(THREADS).is_none() {
        env.push((THREADS.to_owned(), (2 * processors()).to_string()));
    }
    Ok(env)
}

fn processors() -> usize {
    std::thread::available_parallelism().map_or(2, NonZeroUsize::get)
}

/// A number that follows from a commit, so that the shares take turns over a few commits.
fn turn(commit: &str) -> Option<usize> {
    usize::from_str_radix(commit.get(..8)?, 16).ok()
}
