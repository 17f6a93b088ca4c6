//! `cargo xtask bench`: builds the benchmark with all optimisations and runs it.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Result, bail};

use crate::process::cargo;
use crate::process::children::Children;
use crate::process::stop::Stop;

/// How long the benchmark may take to end its servers and services.
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) async fn run(args: &[String]) -> Result<ExitCode> {
    let mut stop = Stop::listen()?;
    let children = Children::new()?;
    let build = ["build", "--release", "--package", "bench", "--bins"].map(str::to_owned);
    let mut built = children
        .start(cargo::program(), &build, |command| {
            command.current_dir(cargo::root());
            for name in cargo::inherited() {
                command.env_remove(name);
            }
        })
        .await?;
    let status = tokio::select! {
        status = built.wait() => status?,
        () = stop.asked() => return Ok(ExitCode::from(130)),
    };
    if !status.success() {
        bail!("the benchmark does not compile; see cargo's output above");
    }
    let program = cargo::target()?.join("release/bench");
    let mut bench = children
        .start(program, args, |command| {
            command.current_dir(cargo::root());
        })
        .await?;
    tokio::select! {
        status = bench.wait() => {
            let code = status?.code().and_then(|code| u8::try_from(code).ok());
            Ok(ExitCode::from(code.unwrap_or(1)))
        }
        () = stop.asked() => {
            bench.stop(PATIENCE).await;
            Ok(ExitCode::from(130))
        }
    }
}
