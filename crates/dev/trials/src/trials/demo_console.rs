//! The console of a demo: it runs in this process, with its own database on the demo's server.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use ballet_amqp::RabbitMq;
use ballet_check::Contracts;
use ballet_console::{Console, Options};
use ballet_core::topology::REDRIVE;
use ballet_stage::{Database, Stage};
use ballet_terminal::ui;
use jiff::SignedDuration;
use tokio::task::JoinHandle;

/// A console that ends when this value is dropped.
#[derive(Debug)]
pub(crate) struct DemoConsole {
    task: JoinHandle<()>,
    _database: Database,
}

impl Drop for DemoConsole {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Starts a console of these services on a free port, and prints its address, or why there is none.
pub(crate) async fn demo_console(
    stage: &Stage,
    services: &[&'static str],
    contracts: &Path,
) -> Option<DemoConsole> {
    let opened = open(stage, services, contracts).await;
    opened.inspect_err(|error| ui::say(&format!("there is no console: {error:#}"))).ok()
}

async fn open(
    stage: &Stage,
    services: &[&'static str],
    contracts_folder: &Path,
) -> Result<DemoConsole> {
    let contracts = Contracts::read(contracts_folder).context("the console needs the contracts")?;
    let env = &stage.env;
    let database = Database::new(stage.servers.postgres(), "console").await?;
    let of_service = |service: &&'static str| {
        let url = env.database_url(service).parse();
        Ok(((*service).to_owned(), url.with_context(|| format!("the database of {service}"))?))
    };
    // The demo shows one system, until its process ends.
    let contracts = Box::leak(Box::new(contracts));
    let broker = Arc::new(RabbitMq::new(env.amqp_url(REDRIVE))?);
    let own = database.url().parse().context("the console's database")?;
    let mut console = Console::open(Options {
        databases: services.iter().map(of_service).collect::<Result<_>>()?,
        keep: SignedDuration::from_hours(24),
        patience: SignedDuration::from_mins(1),
        archive: stage.logs.clone(),
        management: Some(env.management_url()),
        ..Options::new(contracts, broker, own)
    })
    .await?;
    ui::print(&format!("  the console: http://{}", console.address));
    if let Some(first) = console.first.take() {
        ui::print(&format!("  as {} with the password {}", first.name, first.password));
    }
    let task = tokio::spawn(async move {
        if let Err(error) = console.run().await {
            ui::say(&format!("the console ended: {error}"));
        }
    });
    Ok(DemoConsole { task, _database: database })
}
