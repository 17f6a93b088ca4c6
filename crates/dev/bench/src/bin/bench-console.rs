//! Runs a console as a process of its own, and prints its address and its account.

use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context;
use ballet_amqp::RabbitMq;
use ballet_check::Contracts;
use ballet_console::{Console, Options};
use clap::Parser;

/// A console of the system with these contracts.
#[derive(Debug, Parser)]
struct Args {
    /// The folder of the contracts.
    contracts: PathBuf,
    #[arg(long, env = "AMQP_URL", hide_env_values = true)]
    amqp_url: String,
    #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
    database_url: String,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    // The console shows this one system until the process ends.
    let contracts = Box::leak(Box::new(Contracts::read(&args.contracts)?));
    let broker = Arc::new(RabbitMq::new(&args.amqp_url)?);
    let options = Options::new(contracts, broker, args.database_url.parse()?);
    let mut console = Console::open(options).await?;
    let first = console.first.take().context("its database is not new")?;
    let (name, password) = (first.name, first.password);
    writeln!(std::io::stdout(), "http://{} {name} {password}", console.address)?;
    console.run().await
}
