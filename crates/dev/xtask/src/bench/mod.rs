//! `cargo xtask bench`: builds the benchmark with all optimisations and runs it. The measurements that need the whole
//! shop are made here.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};
use ballet_stage::{Children, Options, Servers};

use crate::process::cargo;
use ballet_terminal::ui;
use ballet_trials::Stop;
use shop::load::{OpenShop, checkouts};

/// The time that the benchmark has to end its servers and services.
const PATIENCE: Duration = Duration::from_secs(30);
/// The program of the benchmark, and its package.
const BENCH: &str = "bench";
/// The package of the `ballet` command.
const COMMAND: &str = "ballet-cli";
const SECONDS: u64 = 60;
const QUICK: u64 = 10;

pub(crate) async fn run(args: &[String]) -> Result<ExitCode> {
    let mut stop = Stop::listen()?;
    let children = Children::new()?;
    let has = |wanted: &[&str]| args.iter().any(|arg| wanted.contains(&arg.as_str()));
    let with_shop = has(&["gateway", "--all"]) && !has(&["-h", "--help"]);
    let mut packages = vec![BENCH];
    if with_shop {
        packages.extend(OpenShop::packages());
    }
    if has(&["stream", "--all"]) && !packages.contains(&COMMAND) {
        packages.push(COMMAND);
    }
    let programs = tokio::select! {
        programs = cargo::build_release(&children, &packages) => programs?,
        () = stop.asked() => return Ok(ExitCode::from(130)),
    };
    let program = programs.get(BENCH).context("cargo built no benchmark")?;
    let mut bench = children
        .start(program, args, |command| {
            command.current_dir(cargo::root());
        })
        .await?;
    let code = tokio::select! {
        status = bench.wait() => {
            let code = status?.code().and_then(|code| u8::try_from(code).ok());
            code.unwrap_or(1)
        }
        () = stop.asked() => {
            bench.stop(PATIENCE).await;
            return Ok(ExitCode::from(130));
        }
    };
    // 3: a target was missed. That says nothing about the next part.
    if !with_shop || !matches!(code, 0 | 3) {
        return Ok(ExitCode::from(code));
    }
    let seconds = if has(&["--quick"]) { QUICK } else { SECONDS };
    let servers = Servers::private(Options::durable().progress(ui::say));
    let opened = async { OpenShop::open("bench-checkout", &programs, servers.await?).await };
    let shop = tokio::select! {
        shop = Box::pin(opened) => shop?,
        () = stop.asked() => return Ok(ExitCode::from(130)),
    };
    let measured = tokio::select! {
        took = checkouts::measure(&shop, Duration::from_secs(seconds)) => Some(took),
        () = stop.asked() => None,
    };
    // Also after an error, so that nothing is left running.
    shop.close(!matches!(measured, Some(Ok(_)))).await?;
    match measured {
        Some(Ok(took)) => {
            ui::print(&took.to_string());
            Ok(ExitCode::from(code))
        }
        Some(Err(error)) => Err(error),
        None => Ok(ExitCode::from(130)),
    }
}
