//! `ballet outbox`: lists, retries or deletes events that could not be published.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use ballet_ops::redrive::ArchiveFile;
use ballet_ops::terminal::{Cell, Table};
use ballet_store::dead_events::{self, DeadEvent, DeadEventFilter};
use ballet_store::operators::interventions::Act;
use clap::Subcommand;
use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};
use uuid::Uuid;

use crate::base::exit::{ExitStatus, require_yes, usage};
use crate::base::options::GlobalOptions;
use crate::base::systems::services_or_all;
use crate::base::ui;
use crate::operator::dlq::note::NoteArgs;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List the events that could not be published, with the reason
    List(OutboxListArgs),
    /// Publish them again, under the same message ids
    Retry(ChangeArgs),
    /// Write them to a file and delete them: they are never published
    Forget(ForgetArgs),
}

#[derive(Debug, clap::Args)]
struct EventSelection {
    /// Only this service [default: all known services]
    #[arg(long, value_name = "NAME", help_heading = "Selection")]
    service: Vec<String>,
    /// Only the event with this message id
    #[arg(long, value_name = "ID", help_heading = "Selection")]
    id: Vec<Uuid>,
    /// Only events of this saga
    #[arg(long, value_name = "ID", help_heading = "Selection")]
    saga: Vec<Uuid>,
    /// Only events of this type
    #[arg(long, value_name = "TYPE", help_heading = "Selection")]
    event: Vec<String>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct OutboxListArgs {
    #[command(flatten)]
    selection: EventSelection,
    /// Show at most this many of a service, the oldest
    #[arg(long, default_value_t = 50, value_name = "N", overrides_with = "limit")]
    limit: u32,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ChangeArgs {
    #[command(flatten)]
    selection: EventSelection,
    /// All events
    #[arg(long, help_heading = "Selection")]
    all: bool,
    /// Needed to delete events: they are never published
    #[arg(long)]
    yes: bool,
    /// Say how many events are selected, and change nothing
    #[arg(long)]
    dry_run: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ForgetArgs {
    #[command(flatten)]
    change: ChangeArgs,
    /// The file to write them to, as JSON lines [default: forgotten-TIME.jsonl]
    #[arg(long, value_name = "FILE")]
    to: Option<PathBuf>,
    #[command(flatten)]
    note_args: NoteArgs,
}

pub(crate) async fn run(command: Command, options: &GlobalOptions) -> Result<ExitStatus> {
    match command {
        Command::List(args) => list(&args, options).await,
        Command::Retry(args) => change(&args, options, OutboxAction::Retry).await,
        Command::Forget(ForgetArgs { change: args, to, note_args }) => {
            let to = to.unwrap_or_else(|| {
                let now = options.clock.now();
                PathBuf::from(format!("forgotten-{}.jsonl", now.strftime("%Y-%m-%dT%H%M%SZ")))
            });
            change(&args, options, OutboxAction::Forget(&to, &note_args)).await
        }
    }
}

#[derive(Debug, Clone, Copy)]
enum OutboxAction<'a> {
    Retry,
    /// Write them to this file with this note, and delete them.
    Forget(&'a Path, &'a NoteArgs),
}

impl EventSelection {
    fn filter(&self) -> DeadEventFilter {
        let Self { id, saga, event, .. } = self;
        DeadEventFilter { messages: id.clone(), sagas: saga.clone(), events: event.clone() }
    }

    async fn databases(&self, options: &GlobalOptions) -> Result<Vec<(String, PgConnection)>> {
        let mut databases = Vec::new();
        for service in services_or_all(&self.service)? {
            let db = options
                .connect_needed(&service, "the outbox is in the services' databases")
                .await?;
            databases.push((service, db));
        }
        Ok(databases)
    }
}

async fn list(args: &OutboxListArgs, options: &GlobalOptions) -> Result<ExitStatus> {
    let filter = args.selection.filter();
    let (mut all, mut whole) = (Vec::new(), 0);
    for (service, mut db) in args.selection.databases(options).await? {
        let listed = async {
            whole += dead_events::count(&mut db, &filter).await?;
            let events = dead_events::list(&mut db, &filter, args.limit.max(1)).await?;
            db.close().await?;
            Ok::<_, sqlx::Error>(events)
        };
        let events = listed.await.with_context(|| format!("the database of {service}"))?;
        all.extend(events.into_iter().map(|event| (service.clone(), event)));
    }
    let now = options.clock.now();
    let id = |id: Option<Uuid>| Cell::from(id.map(|id| id.to_string()));
    let row = |(service, event): &(String, DeadEvent)| as_json(service, event);
    let cells = |(service, event): &(String, DeadEvent)| {
        [
            Cell::from(ui::ago(Some(event.created_at), now)),
            Cell::from(service),
            Cell::from(event.event_type.as_ref()),
            id(event.message_id),
            id(event.saga_id),
            Cell::from(&event.reason),
        ]
    };
    let (table, none) = (
        Table::new(["age", "service", "event", "id", "saga", "reason"]),
        "every event could be published",
    );
    if !ui::list(options.output, &all, row, none, table, cells) {
        return Ok(ExitStatus::All);
    }
    if usize::try_from(whole).is_ok_and(|whole| whole > all.len()) {
        ui::say(&format!("{} of {whole} are shown; --limit shows more", all.len()));
    }
    ui::say(&format!(
        "when the cause is mended, publish them again: {} outbox retry --all",
        ui::ballet()
    ));
    Ok(ExitStatus::All)
}

fn as_json(service: &str, event: &DeadEvent) -> Value {
    json!({
        "service": service, "event": event.event_type, "message_id": event.message_id,
        "saga": event.saga_id, "created_at": event.created_at.to_string(),
        "reason": event.reason, "body": event.body,
    })
}

async fn change(
    args: &ChangeArgs,
    options: &GlobalOptions,
    action: OutboxAction<'_>,
) -> Result<ExitStatus> {
    let filter = args.selection.filter();
    if filter == DeadEventFilter::default() && !args.all {
        return Err(usage("say which events: --id, --saga, --event, or --all"));
    }
    let mut databases = args.selection.databases(options).await?;
    // Only these are deleted, as only these are shown.
    let (mut whole, mut meant) = (0, Vec::new());
    for (service, db) in &mut databases {
        let keys = dead_events::keys(db, &filter).await;
        let keys = keys.with_context(|| format!("the database of {service}"))?;
        let count = keys.len() as u64;
        whole += count;
        meant.push(keys);
        if count > 0 {
            ui::print(&format!("{service}: {}", events(count)));
        }
    }
    if whole == 0 {
        ui::print("no events match");
        return Ok(ExitStatus::All);
    }
    if args.dry_run {
        ui::say("nothing was changed");
        return Ok(ExitStatus::All);
    }
    let mut kept = None;
    if let OutboxAction::Forget(to, note_args) = action {
        require_yes(args.yes, &format!("{} would be deleted", events(whole)))?;
        let note = note_args.note(options);
        let cannot = || format!("cannot write {}: nothing was deleted", to.display());
        kept = Some((ArchiveFile::open(to).with_context(cannot)?, note));
    }
    let mut done = ExitStatus::All;
    for ((service, mut db), keys) in databases.into_iter().zip(meant) {
        let count = keys.len() as u64;
        let changed = if let Some((kept, note)) = &mut kept {
            let by = note.of(Act::Discarded);
            dead_events::forget(&mut db, &keys, by, |gone| keep(kept, &service, gone)).await
        } else {
            let progress = ui::Progress::new("events put back", count);
            let put = dead_events::retry(&mut db, &filter, |put| progress.show(put)).await;
            put.map_err(Into::into)
        };
        let changed = changed.with_context(|| format!("the database of {service}"))?;
        match action {
            _ if changed == 0 => {}
            OutboxAction::Retry => ui::say(&format!(
                "{} put back into the outbox of {service}, which publishes within seconds",
                events(changed)
            )),
            OutboxAction::Forget(to, _) => ui::say(&format!(
                "{} of {service} deleted, and written to {}",
                events(changed),
                to.display()
            )),
        }
        let left = count.saturating_sub(changed);
        if matches!(action, OutboxAction::Retry) && left > 0 {
            ui::note(&format!(
                "not put back: {} of {service}, which another retry holds (also one that was killed, for a \
                 moment); run it again",
                events(left)
            ));
            done = ExitStatus::Partly;
        }
        db.close().await?;
    }
    Ok(done)
}

fn keep(kept: &mut ArchiveFile, service: &str, gone: &[DeadEvent]) -> Result<()> {
    for event in gone {
        kept.add(&as_json(service, event))?;
    }
    kept.sync().context("cannot write the file, so they are not deleted")
}

fn events(number: u64) -> String {
    ui::counted(number, "event")
}
