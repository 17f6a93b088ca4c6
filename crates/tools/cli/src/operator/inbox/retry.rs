//! `ballet inbox retry`: retries at once what waits.

use std::num::NonZeroU32;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use ballet::core::topology::dead_queue;
use ballet_amqp::{Broker, Lookup, Object};
use ballet_ops::redrive::{PendingRetries, RedriveOptions};
use sqlx::Connection;
use uuid::Uuid;

use crate::base::exit::{ExitStatus, usage, with_advice};
use crate::base::options::GlobalOptions;
use crate::base::ui;
use crate::operator::dlq::interrupt::stop_on_ctrl_c;
use crate::operator::dlq::note::NoteArgs;

pub(super) const EXAMPLES: &str = "\
Examples:
  ballet inbox retry payments --saga 0193f7a0-0001-7000-8000-000000000001
  ballet inbox retry payments --all --dry-run     how many messages wait
  ballet inbox retry payments --all --rate 100    all of them, 100 a second

Messages go from the retry queues to the queue of the service, under their ids and with the counts of
their attempts: the service handles each once, and one that fails again waits on as it would have.
Calls to the outside are made again under the same keys; they are in the service's database
(DATABASE_URL). It can be interrupted and repeated. The user of the broker is redrive or ops.";

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The service that tries again
    #[arg(value_name = "SERVICE")]
    service: String,
    /// Only messages and calls of this saga
    #[arg(long, value_name = "ID", help_heading = "Selection")]
    saga: Vec<Uuid>,
    /// Only the message or the call with this id
    #[arg(long, value_name = "ID", help_heading = "Selection")]
    id: Vec<Uuid>,
    /// All messages and calls that wait
    #[arg(long, help_heading = "Selection")]
    all: bool,
    /// Move at most this many messages per second [default: no limit]
    #[arg(long, value_name = "N")]
    rate: Option<NonZeroU32>,
    /// Say how many messages and calls are meant, and change nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    note_args: NoteArgs,
}

pub(super) async fn run(args: &Args, options: &GlobalOptions) -> Result<ExitStatus> {
    if args.saga.is_empty() && args.id.is_empty() && !args.all {
        return Err(usage("say what to try again: --saga, --id, or --all"));
    }
    let Args { service, saga, id, .. } = args;
    let waiting =
        PendingRetries { service: service.clone(), sagas: saga.clone(), messages: id.clone() };
    let broker = options.broker()?;
    check(service, &broker).await?;
    if args.dry_run {
        let count = waiting.count(&broker).await.map_err(with_advice)?;
        ui::say(&format!(
            "{} of {service} would be tried again now",
            ui::counted(count, "message")
        ));
        say_calls(&waiting, options, true).await?;
        return Ok(ExitStatus::All);
    }
    let stop = stop_on_ctrl_c();
    let progress = ui::Progress::endless(&format!("messages moved to {service}"));
    let show = |done: u64| progress.show(done);
    let hurry = args.note_args.redrive_options(options, stop, &show);
    let hurry = RedriveOptions { rate: args.rate.map(NonZeroU32::get), ..hurry };
    let summary = waiting.hurry(&broker, &hurry).await;
    drop(progress);
    let summary = summary.map_err(with_advice)?;
    ui::say(&format!("{} of {service} tried again now", ui::counted(summary.removed, "message")));
    for (id, why) in &summary.failures {
        ui::note(&format!("{id} waits on: {why}"));
    }
    if summary.stopped {
        ui::say("stopped before the end; nothing is lost, and the same command continues");
        return Ok(ExitStatus::Partly);
    }
    say_calls(&waiting, options, false).await?;
    Ok(if summary.failed > 0 { ExitStatus::Partly } else { ExitStatus::All })
}

/// Refuses a wrong name. The user `redrive` sees only the dead-letter queue.
async fn check(service: &str, broker: &Arc<dyn Broker>) -> Result<()> {
    let session = broker.connect("ballet inbox").await;
    let session = session.map_err(|error| with_advice(error.into()))?;
    let queue = dead_queue(service);
    let found = session.find(&Object::Queue(queue.clone())).await;
    let vhost = session.peer().vhost.clone();
    session.close().await;
    match found {
        Ok(Lookup::Found(_) | Lookup::Hidden(_)) => Ok(()),
        Ok(Lookup::Absent) => Err(usage(format!(
            "vhost `{vhost}` has no queue `{queue}`: give the name of a service"
        ))),
        Err(error) => Err(with_advice(error.into())),
    }
}

async fn say_calls(
    waiting: &PendingRetries,
    options: &GlobalOptions,
    only_counts: bool,
) -> Result<()> {
    let service = &waiting.service;
    let Some(mut db) = options.connect(service).await? else {
        ui::say("calls to the outside are in the service's database: set DATABASE_URL for them");
        return Ok(());
    };
    let (count, happens) = if only_counts {
        (waiting.count_calls(&mut db).await, "would be made again now")
    } else {
        (waiting.hurry_calls(&mut db).await, "made again within seconds")
    };
    let count = count.with_context(|| format!("the database of {service}"))?;
    db.close().await.ok();
    if count > 0 {
        let calls = ui::counted(count, "call");
        ui::say(&format!("{calls} of {service} to the outside {happens}"));
    }
    Ok(())
}
