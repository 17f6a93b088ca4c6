//! The benchmark: built with all optimisations, then run.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Result, bail};

use crate::cargo;
use crate::children::Children;
use crate::stop::Stop;

/// Servers and services have to go.
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
        bail!("the benchmark does not compile; cargo said why");
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
