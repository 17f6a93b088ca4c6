//! `cargo demo`: starts all services of `my_system` with a broker and databases of their own, makes a
//! request, and stays up until Ctrl-C.

mod request;
mod services;
mod shell;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use ballet::core::topology;
use ballet_check::contracts::{Contracts, folders};
use ballet_stage::{Options, Servers, TestEnv};
use clap::Parser;

use crate::services::Services;

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
    let names: Vec<&str> = contracts.system().parts.iter().map(|part| part.service).collect();
    let servers = Servers::acquire(Options::durable()).await?;
    let definitions = topology::definitions(contracts.system(), |_| String::new());
    let env = TestEnv::with_plain_names(&servers, &definitions, &names).await?;
    let mut services = Services::start(&programs, &names, &env)?;
    let logs = services.logs().to_owned();
    let shown = tokio::select! {
        shown = show(&args, &servers, &env, &names, &logs) => shown,
        failed = services.failed() => Err(failed),
        _ = tokio::signal::ctrl_c() => Ok(()),
    };
    services.stop().await;
    env.close().await?;
    servers.stop().await?;
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
    servers: &Servers,
    env: &TestEnv,
    names: &[&str],
    logs: &Path,
) -> Result<()> {
    let id = request::make(env).await?;
    println!("request {id} is accepted: it is in the table `request` of my_service");
    if args.once {
        return Ok(());
    }
    let file = shell::write(servers, env, names, logs)?;
    println!("the services' logs are in {}", logs.display());
    println!("in another terminal:");
    println!("  . {}", file.display());
    println!("  psql $MY_SERVICE_DATABASE -c 'select * from request'");
    println!("  cargo ballet sagas show {id}");
    println!("  cargo ballet sagas stuck");
    println!("  cargo ballet dlq groups");
    println!("  cargo ballet topology check");
    println!("Ctrl-C ends it");
    std::future::pending().await
}
