//! `cargo xtask test`: starts the servers, runs the tests, and ends both.
//!
//! Without arguments the test programs run side by side, tests with very many cases take a share of them, and programs
//! that starve the others are left out. `--long` runs all programs with all cases. Other arguments go to `cargo test`,
//! which runs one program after the other with all cases.

use std::num::NonZeroUsize;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use ballet_stage::{Child, Children, Options, Servers};
use rustix::process::Signal;

use crate::process::cargo;
use crate::test::meter::{self, IdleMeter, Meter};
use crate::test::one_program::RunSetting;
use crate::test::programs::{self, TestProgram};
use crate::test::side_by_side::{self, ProgramSlots};
use ballet_terminal::ui;
use ballet_trials::Stop;

/// The number of tests of one program that run at the same time.
const THREADS: &str = "RUST_TEST_THREADS";
/// The number that chooses the share. Without it such a test takes all its cases.
const TURN: &str = "BALLET_TURN";
const LONG: &str = "--long";
/// The longest silence of a test program: more than the longest test takes on a slow machine.
const SILENCE: Duration = Duration::from_secs(25 * 60);
/// The same with all cases.
const LONG_SILENCE: Duration = Duration::from_secs(4 * 60 * 60);
const FAIL_FAST: &str = "--fail-fast";
const NO_FAIL_FAST: &str = "--no-fail-fast";

pub(crate) async fn run(args: &[String]) -> Result<ExitCode> {
    let mut stop = Stop::listen()?;
    let children = Children::new()?;
    let acquired = Servers::acquire(Options::fast());
    let long = args == [LONG];
    let (servers, programs) = tokio::select! {
        acquired = async {
            if args.is_empty() || long {
                // Starting the servers takes about as long as part of the build.
                let (servers, programs) = tokio::join!(acquired, programs::build(&children));
                (servers, programs.map(Some))
            } else {
                (acquired.await, Ok(None))
            }
        } => acquired,
        () = stop.asked() => return Ok(interrupted()),
    };
    let servers = servers?;
    let code = match programs {
        Ok(Some(Some(programs))) => run_all(programs, long, &servers, &children, &mut stop).await,
        // Cargo has printed why.
        Ok(Some(None)) => Ok(ExitCode::FAILURE),
        Ok(None) => run_chosen(args, &servers, &children, &mut stop).await,
        Err(error) => Err(error),
    };
    // Also after an error: nothing is left running.
    servers.stop().await?;
    code
}

/// Runs all tests; without `--long` it leaves out those that starve the others.
async fn run_all(
    mut programs: Vec<TestProgram>,
    long: bool,
    servers: &Servers,
    children: &Children,
    stop: &mut Stop,
) -> Result<ExitCode> {
    programs.retain(|program| long || program.is_usual());
    let output = cargo::target()?.join("test-output");
    let processors = std::thread::available_parallelism().map_or(2, NonZeroUsize::get);
    let mut env = cargo::configured()?;
    if std::env::var_os(THREADS).is_none() {
        env.push((THREADS.to_owned(), (2 * processors).to_string()));
    }
    if !long && let Some(turn) = cargo::commit().and_then(|commit| turn(&commit)) {
        ui::say("tests with very many cases take the commit's share of them; --long takes all");
        env.push((TURN.to_owned(), turn.to_string()));
    }
    env.extend(servers.env().map(|(name, value)| (name.to_owned(), value.to_owned())));
    let silence = if long { LONG_SILENCE } else { SILENCE };
    let meter = Meter::default();
    // The build does not count.
    meter.since_the_last();
    let setting = RunSetting { output: &output, env: &env, children, silence, meter: &meter };
    let mut idle = IdleMeter::default();
    let places = ProgramSlots {
        least: processors + 1,
        most: 2 * processors + 2,
        idle: Box::new(move || idle.since_the_last()),
    };
    // Dropping a child kills it and its children.
    let code = tokio::select! {
        passed = side_by_side::run(programs, places, &setting) => {
            if passed? { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        () = stop.asked() => interrupted(),
    };
    let (broker, postgres) = meter::of_servers(servers).await;
    ui::print(&format!(
        "seconds of a processor, beside those of the programs: RabbitMQ {broker:.0}, Postgres {postgres:.0}"
    ));
    Ok(code)
}

/// A number that follows from a commit, so that the shares take turns over a few commits.
fn turn(commit: &str) -> Option<u32> {
    u32::from_str_radix(commit.get(..8)?, 16).ok()
}

/// Runs `cargo test` with the caller's arguments.
async fn run_chosen(
    args: &[String],
    servers: &Servers,
    children: &Children,
    stop: &mut Stop,
) -> Result<ExitCode> {
    let mut cargo = children
        .start(cargo::program(), &for_cargo(args), |command| {
            command.current_dir(cargo::root()).envs(servers.env());
            cargo::clean(command.as_std_mut());
        })
        .await?;
    tokio::select! {
        status = cargo.wait() => {
            let code = status?.code().and_then(|code| u8::try_from(code).ok());
            Ok(ExitCode::from(code.unwrap_or(1)))
        }
        () = stop.asked() => {
            end(cargo).await;
            Ok(interrupted())
        }
    }
}

/// Ends cargo and its tests, with SIGKILL if need be: tests that hang ignore a gentle signal, and cargo does not react
/// while they run.
async fn end(cargo: Child) {
    cargo.signal(Signal::INT);
    cargo.stop(Duration::from_secs(3)).await;
}

/// The arguments for cargo. By default all tests run, even after a failure. Cargo has no opposite of
/// `--no-fail-fast`, so `--fail-fast` is our own option.
fn for_cargo(args: &[String]) -> Vec<String> {
    let cargos = args.iter().take_while(|arg| *arg != "--").count();
    let (cargos, tests) = args.split_at(cargos);
    let mut all = vec!["test".to_owned()];
    if !chooses_packages(cargos) {
        all.push("--workspace".to_owned());
    }
    if !cargos.iter().any(|arg| matches!(arg.as_str(), FAIL_FAST | NO_FAIL_FAST)) {
        all.push(NO_FAIL_FAST.to_owned());
    }
    all.extend(cargos.iter().filter(|arg| *arg != FAIL_FAST).chain(tests).cloned());
    all
}

/// Whether the caller chooses packages, which `--workspace` would override.
fn chooses_packages(args: &[String]) -> bool {
    let names = ["-p", "--package", "--workspace", "--all", "--manifest-path"];
    args.iter().any(|arg| {
        let name = arg.split('=').next().unwrap_or(arg);
        names.contains(&name) || (arg.starts_with("-p") && !arg.starts_with("--"))
    })
}

fn interrupted() -> ExitCode {
    ui::say("stopped");
    // The code that a shell reports for an interrupted program.
    ExitCode::from(130)
}

#[cfg(test)]
mod tests_of_arguments {
    use super::*;

    fn given(args: &[&str]) -> Vec<String> {
        for_cargo(&args.iter().map(|&arg| arg.to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn a_choice_of_packages_replaces_the_workspace() {
        let whole = |args: &[&str]| given(args).get(1).is_some_and(|arg| arg == "--workspace");
        for chosen in [&["-p", "ballet"][..], &["-pballet"], &["--package=ballet"], &["--all"]] {
            assert!(!whole(chosen), "{chosen:?}");
        }
        for no in [&[][..], &["--no-run"], &["poison", "--", "-p"], &["--profile", "release"]] {
            assert!(whole(no), "{no:?}");
        }
    }

    #[test]
    fn the_share_of_the_cases_follows_from_the_commit() {
        assert_eq!(turn("0000000bc0ffee"), Some(11));
        assert_eq!(turn("no commit"), None);
    }

    #[test]
    fn tests_go_on_after_a_failure_unless_the_caller_says_otherwise() {
        let on = ["test", "--workspace", "--no-fail-fast"];
        assert_eq!(given(&[]), on);
        assert_eq!(given(&["--no-fail-fast"]), on);
        assert_eq!(given(&["--fail-fast", "poison"]), ["test", "--workspace", "poison"]);
        let tests_own = ["-p", "x", "--", "--fail-fast"];
        assert_eq!(given(&tests_own), ["test", "--no-fail-fast", "-p", "x", "--", "--fail-fast"]);
    }
}
