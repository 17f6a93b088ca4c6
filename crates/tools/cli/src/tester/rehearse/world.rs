//! A rehearsal's servers, virtual host, databases, and services of the build.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt as _;

use anyhow::{Context as _, Result};
use ballet::core::System;
use ballet_stage::{Options, Servers, ServiceLaunch, Stage};
use uuid::Uuid;

use crate::base::ui;
use crate::tester::rehearse::build::Build;
use crate::tester::rehearse::prepare;
use crate::tester::rehearse::setting::{self, ServiceSetting};

/// A broker, its management API, and a database server.
pub(crate) type GivenServers = (String, Option<String>, String);

/// Brings servers up unless given, and makes a virtual host and databases.
pub(crate) async fn open(system: &System, given: Option<GivenServers>, id: Uuid) -> Result<Stage> {
    let servers = match given {
        Some((amqp, management, database)) => Servers::at(amqp, management, database).await?,
        None => Servers::private(Options::fast().progress(ui::say)).await?,
    };
    let folder = std::env::temp_dir().join(format!("ballet-rehearse-{id}"));
    Ok(Stage::of(system).named("rehearsal").on(servers, folder).await?)
}

pub(crate) async fn start(
    stage: &mut Stage,
    build: Build,
    settings: &[ServiceSetting],
) -> Result<()> {
    // Logs may have private data.
    let made = DirBuilder::new().mode(0o700).create(&stage.logs);
    made.with_context(|| format!("cannot create {}", stage.logs.display()))?;
    let programs: Vec<_> = build.programs().collect();
    let names: Vec<_> = programs.iter().map(|(name, _)| *name).collect();
    let vhost = stage.env.vhost();
    ui::say(&format!("starting {} at the virtual host {vhost}", names.join(", ")));
    for (name, program) in programs {
        let launch = stage.launch(name, program, setting::of_service(settings, name));
        stage.start(ServiceLaunch { isolated: true, ..launch }).await?;
    }
    Ok(stage.ready_or_consuming().await?)
}

pub(crate) async fn prepare(stage: &mut Stage, command: &str) -> Result<()> {
    let (variables, children) = (variables(stage), stage.children.clone());
    tokio::select! {
        prepared = prepare::run(&children, command, &variables) => prepared,
        failed = stage.failed() => Err(failed.into()),
    }
}

/// Only started services have logs.
pub(crate) async fn tear_down(stage: Stage, keep_logs: bool) -> Result<()> {
    let (folder, keep_logs) = (stage.logs.clone(), keep_logs && !stage.services.is_empty());
    let ended = Box::pin(stage.end(keep_logs)).await;
    if keep_logs {
        ui::say(&format!("the services' logs are in {}", folder.display()));
    }
    Ok(ended?)
}

fn variables(stage: &Stage) -> Vec<(String, String)> {
    let mut all = stage.variables();
    all.push(("AMQP_URL".to_owned(), stage.env.ops_amqp_url().to_owned()));
    all.push(("RABBITMQ_MANAGEMENT_URL".to_owned(), stage.env.management_url()));
    all
}
