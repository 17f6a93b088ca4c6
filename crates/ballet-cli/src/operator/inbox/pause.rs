//! `ballet inbox pause` and `ballet inbox resume`: stops and restarts the intake of a service.

use anyhow::{Context as _, Result};
use ballet_store::operators::service_pause;
use ballet_terminal::plain;
use sqlx::{Connection, PgConnection};

use crate::base::exit::{ExitStatus, usage, without_databases};
use crate::base::options::GlobalOptions;
use crate::base::systems::services;
use crate::base::ui;
use crate::operator::dlq::note::NoteArgs;

pub(super) const EXAMPLES: &str = "\
Examples:
  ballet inbox pause payments --why 'the provider charges twice'
  ballet inbox resume payments

All processes of the service, also those started later, stop taking messages within seconds; they
answer requests as before. Its messages wait in its queue, and its sagas are blocked, not stuck. A
process still handles the messages that it has taken; calls to the outside and deadlines go on. Who
paused it, and why, is in its database (DATABASE_URL), in /readyz, and in `ballet doctor`.";

#[derive(Debug, clap::Args)]
pub(crate) struct PauseArgs {
    /// The service
    #[arg(value_name = "SERVICE")]
    service: String,
    #[command(flatten)]
    note_args: NoteArgs,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ResumeArgs {
    /// The service
    #[arg(value_name = "SERVICE")]
    service: String,
}

pub(super) async fn pause(args: &PauseArgs, options: &GlobalOptions) -> Result<ExitStatus> {
    let service = &args.service;
    let note = args.note_args.note_with_reason("say why it is paused", options)?;
    let mut db = connect(service, options).await?;
    let why = note.why.as_deref().unwrap_or_default();
    let done = service_pause::pause(&mut db, &note.by, why).await.context("nothing was changed")?;
    let now = service_pause::now(&mut db).await?;
    db.close().await.ok();
    match now {
        Some(now) if !done => ui::say(&plain(&format!("{service} was {now}"))),
        _ => ui::say(&format!(
            "{service} takes no messages until: {} inbox resume {service}",
            ui::ballet()
        )),
    }
    Ok(ExitStatus::All)
}

pub(super) async fn resume(args: &ResumeArgs, options: &GlobalOptions) -> Result<ExitStatus> {
    let service = &args.service;
    let mut db = connect(service, options).await?;
    let done = service_pause::resume(&mut db).await.context("nothing was changed")?;
    db.close().await.ok();
    let says = if done { "takes messages again within seconds" } else { "was not paused" };
    ui::say(&format!("{service} {says}"));
    Ok(ExitStatus::All)
}

async fn connect(service: &str, options: &GlobalOptions) -> Result<PgConnection> {
    let known = services()?;
    if !known.iter().any(|one| one == service) {
        return Err(usage(format!("there is no service {service}: {}", known.join(", "))));
    }
    let db = options.connect(service).await?;
    db.ok_or_else(|| without_databases("whether a service is paused is in its database"))
}
