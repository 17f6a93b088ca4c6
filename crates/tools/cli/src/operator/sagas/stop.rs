//! `ballet sagas stop`: has a saga aborted by its owner.

use anyhow::{Context as _, Result};
use ballet_ops::sagas::{StoppableSaga, stop, stoppable};
use sqlx::Connection;
use uuid::Uuid;

use crate::base::exit::{ExitStatus, usage};
use crate::base::options::GlobalOptions;
use crate::base::systems::system;
use crate::base::ui;
use crate::operator::dlq::note::NoteArgs;

pub(super) const EXAMPLES: &str = "\
Examples:
  ballet sagas stop 0193f7a0-0001-7000-8000-000000000001 --why 'the carrier is on strike'
  ballet sagas show 0193f7a0-0001-7000-8000-000000000001       has everybody compensated?

The deadline of the saga passes now: its owner aborts it, as it does after any deadline, and every service
compensates its part. If the saga is decided first, the decision holds. A saga that is decided, and one
without a deadline, cannot be stopped. Who did it, when and why is in the owner's database, and `ballet
sagas show` shows it. It needs the owner's database (DATABASE_URL), as its own user, and no broker.";

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The saga's id
    #[arg(value_name = "ID")]
    id: Uuid,
    /// The saga's name [default: the only one that can be stopped]
    #[arg(long, value_name = "NAME")]
    saga: Option<String>,
    /// Say whether it would be stopped, and change nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    note_args: NoteArgs,
}

pub(super) async fn run(args: &Args, options: &GlobalOptions) -> Result<ExitStatus> {
    let note = args.note_args.note_with_reason("say why it is stopped", options)?;
    let saga = stoppable_saga(args)?;
    let mut db = options.connect_needed(saga.owner, "the saga is in its owner's database").await?;
    let stopped = stop(&mut db, saga, args.id, &note, args.dry_run).await;
    db.close().await.ok();
    stopped.context("nothing was changed")?;
    if args.dry_run {
        let StoppableSaga { saga, owner } = saga;
        ui::say(&format!("{saga} would be stopped: {owner} would abort it; nothing was changed"));
        return Ok(ExitStatus::All);
    }
    ui::say(&format!("{} is stopped by {}: {} aborts it", saga.saga, note.by, saga.owner));
    ui::say(&format!("see whether it has ended: {} sagas show {}", ui::ballet(), args.id));
    Ok(ExitStatus::All)
}

fn stoppable_saga(args: &Args) -> Result<StoppableSaga> {
    let mut all = stoppable(system()?);
    let names: Vec<&str> = all.iter().map(|saga| saga.saga).collect();
    let names = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
    if let Some(name) = &args.saga {
        all.retain(|saga| saga.saga == name);
    }
    match all[..] {
        [saga] => Ok(saga),
        _ => Err(usage(format!(
            "say which saga: --saga NAME. Those with a deadline can be stopped: {names}"
        ))),
    }
}
