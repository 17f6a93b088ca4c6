//! One run of a subcommand inside of this process.

use anyhow::{Context as _, Result, anyhow};
use ballet_ops::terminal::ui::{Captured, captured};
use clap::Parser as _;
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use crate::base::exit::{ExitStatus, usage};
use crate::base::options::GlobalOptions;
use crate::base::systems;

/// The end of a subcommand, and what it has printed.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) result: Result<ExitStatus>,
    pub(super) printed: Captured,
}

/// Runs a command line with these options of every command. It runs on a thread of its own, whose output is captured.
pub(super) async fn run(line: Vec<String>, options: GlobalOptions) -> Result<Ended> {
    let (sender, ended) = oneshot::channel();
    let runtime = Handle::current();
    let run = move || {
        // A client that has gone away misses nothing.
        sender.send(run_here(&line, options, &runtime)).ok();
    };
    std::thread::Builder::new().name("tool".to_owned()).spawn(run).context("no thread")?;
    ended
        .await
        .map_err(|_| anyhow!("the command has failed in an unexpected way: its log has more"))?
}

fn run_here(line: &[String], options: GlobalOptions, runtime: &Handle) -> Result<Ended> {
    let parsed = crate::Args::try_parse_from(line);
    let mut args = parsed.map_err(|error| usage(words(&error.render().to_string())))?;
    // With the folder named, nothing looks for a trial program, which would take the place of this one.
    let contracts = systems::folder(options.contracts.as_deref())?;
    args.options = options.for_program(contracts);
    // The command itself is on this thread; the tasks that it starts print nothing.
    let (result, printed) = captured(|| runtime.block_on(Box::pin(crate::run(args))));
    Ok(Ended { result, printed })
}

/// The complaint about a command line, without the hints for a terminal.
fn words(complaint: &str) -> String {
    let lines = complaint.lines().map(str::trim).filter(|line| !line.is_empty());
    let lines =
        lines.take_while(|line| !line.starts_with("Usage:") && !line.starts_with("For more"));
    lines.collect::<Vec<_>>().join(" ").trim_start_matches("error: ").to_owned()
}
