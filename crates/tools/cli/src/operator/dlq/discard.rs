//! `ballet dlq discard`: writes dead letters to a file, and removes them.

use std::path::PathBuf;

use anyhow::{Context, Result};
use ballet_ops::redrive::{ArchiveFile, NoteWriter};

use crate::base::exit::{ExitStatus, require_yes};
use crate::base::options::GlobalOptions;
use crate::base::ui;
use crate::operator::dlq::interrupt::stop_on_ctrl_c;
use crate::operator::dlq::note::NoteArgs;
use crate::operator::dlq::plans::{self, forget};
use crate::operator::dlq::selection::DeadLetterSelection;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    selection: DeadLetterSelection,
    /// All dead letters
    #[arg(long, help_heading = "Selection")]
    all: bool,
    /// The file to write them to, as JSON lines [default: discarded-TIME.jsonl]
    #[arg(long, value_name = "FILE")]
    to: Option<PathBuf>,
    /// Needed, as they are not handled any more
    #[arg(long)]
    yes: bool,
    /// Show what would be discarded, and discard nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    note_args: NoteArgs,
}

pub(crate) async fn run(args: &Args, options: &GlobalOptions) -> Result<ExitStatus> {
    args.selection.require_unless(args.all)?;
    let planned = plans::plans(&args.selection, None, options).await?;
    let whole: u64 = planned.iter().map(|planned| planned.plan.dead_letters()).sum();
    if whole == 0 {
        ui::print("no dead letters match");
        return Ok(ExitStatus::All);
    }
    plans::show(&planned, options);
    let would = format!("{} would be discarded", ui::counted(whole, "dead letter"));
    if args.dry_run {
        ui::say(&format!("{would}; nothing was"));
        return Ok(ExitStatus::All);
    }
    require_yes(args.yes, &would)?;
    let now = options.clock.now();
    let file = args.to.clone().unwrap_or_else(|| {
        PathBuf::from(format!("discarded-{}.jsonl", now.strftime("%Y-%m-%dT%H%M%SZ")))
    });
    // Once for all services: another command writing in between would keep the later ones from being finished.
    let mut archive = ArchiveFile::open(&file)
        .with_context(|| format!("cannot write {}: nothing was discarded", file.display()))?;
    let stop = stop_on_ctrl_c();
    let (mut done, mut stopped) = (0, false);
    for planned in &planned {
        let service = planned.queue.service();
        let progress = ui::Progress::new(&format!("discarding from {service}"), whole);
        let show = |count: u64| progress.show(count);
        let database = options.connect_needed(service, "notes are in the databases").await;
        let database = database.map_err(|error| format!("{error:#}"));
        let notes = NoteWriter::open(database, args.note_args.note(options));
        let redrive_options = args.note_args.redrive_options(options, stop.clone(), &show);
        let letters = &planned.queue.dead_letters;
        let summary = letters.discard(&planned.plan, &mut archive, &notes, &redrive_options).await;
        // A message without a note is done, and the journal says by whom.
        if let Err(why) = notes.close().await {
            ui::note(&format!(
                "who did it is in the journal (ballet tap), and not in the database of {service}, so `sagas show` does \
                 not say it: {why}",
            ));
        }
        let summary = summary?;
        done += summary.removed;
        stopped |= summary.stopped;
        drop(progress);
        forget(options, service, &summary.retired).await;
        if let Some(error) = &summary.error {
            ui::note(&format!("the rest was not discarded: {error}"));
        }
        for (id, why) in &summary.failures {
            ui::note(&format!("{id} was not discarded: {why}"));
        }
    }
    ui::say(&format!(
        "{} discarded and written to {}",
        ui::counted(done, "dead letter"),
        file.display()
    ));
    if stopped {
        ui::say("stopped before the end; the same command continues");
    }
    Ok(if stopped || done < whole { ExitStatus::Partly } else { ExitStatus::All })
}
