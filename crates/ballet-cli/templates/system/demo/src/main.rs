//! `cargo demo`: starts all services of `my_system` with a broker and databases of their own, makes a
//! request, and stays up until Ctrl-C.

mod request;
mod services;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use ballet_check::contracts::{Contracts, folders};
use ballet_stage::{Options, Servers, Stage, TestEnv, failed, write_exports};
use clap::Parser;

#[derive(Debug, Parser)]
#[command(name = "cargo demo", about = "All services of my_system at work.")]
struct Args {
    /// End after the request.
    #[arg(long)]
    once: bool,
}

#[tokio::main]
async fn main() -> Result<()> {
    let args = Args::parse();
    let programs = services::build()?;
    let contracts = Contracts::read(&folder()?)?;
    let logs = programs.with_file_name("my_system");
    fs::create_dir_all(&logs).with_context(|| format!("cannot create {}", logs.display()))?;
    let servers = Servers::acquire(Options::durable()).await?;
    let mut stage = Stage::of(contracts.system()).on(servers, logs.clone()).await?;
    services::start(&mut stage, &contracts, &programs).await?;
    let variables = stage.variables();
    let Stage { env, services, .. } = &mut stage;
    let shown = tokio::select! {
        shown = show(&args, env, &variables, &logs) => shown,
        failed = failed(services) => Err(failed.into()),
        _ = tokio::signal::ctrl_c() => Ok(()),
    };
    stage.end(true).await?;
    shown
}

/// The contracts of this workspace.
fn folder() -> Result<PathBuf> {
    let here = std::env::current_dir().context("there is no current directory")?;
    match folders(&here).into_iter().find(|folder| folder.ends_with("my_system")) {
        Some(folder) => Ok(folder),
        None => bail!("there is no folder contracts/my_system here: run it in the workspace"),
    }
}

/// Makes a request, and says where to look around.
async fn show(
    args: &Args,
    env: &TestEnv,
    variables: &[(String, String)],
    logs: &Path,
) -> Result<()> {
    let id = request::make(env).await?;
    println!("request {id} is accepted: it is in the table `request` of my_service");
    if args.once {
        return Ok(());
    }
    let file = logs.join("env");
    write_exports(&file, variables)?;
    println!("the services' logs are in {}", logs.display());
    println!("in another terminal:");
    println!("  . {}", file.display());
    println!("  psql $MY_SERVICE_DATABASE_URL -c 'select * from request'");
    println!("  cargo ballet sagas show {id}");
    println!("  cargo ballet sagas stuck");
    println!("  cargo ballet dlq groups");
    println!("  cargo ballet topology check");
    println!("Ctrl-C ends it");
    std::future::pending().await
}
