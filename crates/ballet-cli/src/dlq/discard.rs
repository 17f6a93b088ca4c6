//! `ballet dlq discard`.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use ballet_ops::redrive::{Keep, Letter};

use super::chosen::{Chosen, Signed, forget, plans, stop_on_ctrl_c};
use super::told;
use crate::exit::{Done, usage};
use crate::place::Place;
use crate::ui::{self, Output};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    chosen: Chosen,
    /// All dead letters there are
    #[arg(long, help_heading = "Which")]
    all: bool,
    /// The file to write them to, as JSON lines [default: discarded-TIME.jsonl]
    #[arg(long, value_name = "FILE")]
    to: Option<PathBuf>,
    /// Do not ask
    #[arg(long)]
    yes: bool,
    /// Show what would be thrown away, and throw nothing away
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    signed: Signed,
}

/// Writes letters to a file, and lets them go only when the disk has them.
struct Lines(BufWriter<File>);

impl Keep for Lines {
    fn keep(&mut self, letter: &Letter) -> io::Result<()> {
        writeln!(self.0, "{}", told::whole(letter))
    }

    fn secure(&mut self) -> io::Result<()> {
        self.0.flush()?;
        match self.0.get_ref().sync_data() {
            // A pipe, or /dev/null.
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => Ok(()),
            other => other,
        }
    }
}

pub(crate) async fn run(args: &Args, place: &Place) -> Result<Done> {
    args.chosen.says_which_or(args.all)?;
    let planned = plans(&args.chosen, place).await?;
    let whole: u64 = planned.iter().map(|planned| planned.plan.letters()).sum();
    if whole == 0 {
        ui::print("there are no such dead letters");
        return Ok(Done::All);
    }
    let now = place.clock.now();
    if place.output == Output::Table {
        let rows = planned.iter().flat_map(|planned| {
            let groups = planned.plan.groups().biggest_first().into_iter();
            groups.map(|(key, group)| told::group_row(planned.dead.service(), key, group, now))
        });
        ui::print(&ui::table(&told::GROUPS, rows.collect()));
    }
    if args.dry_run {
        ui::say(&format!("{} would be thrown away; nothing was", ui::letters(whole)));
        return Ok(Done::All);
    }
    confirm(args, whole)?;
    let file = args.to.clone().unwrap_or_else(|| {
        PathBuf::from(format!("discarded-{}.jsonl", now.strftime("%Y-%m-%dT%H%M%SZ")))
    });
    let stop = stop_on_ctrl_c();
    let (mut done, mut stopped) = (0, false);
    for planned in &planned {
        let service = planned.dead.service();
        let progress = ui::Progress::new(&format!("discarding from {service}"), whole);
        let show = |count: u64| progress.show(count);
        let sending = args.signed.sending(place, stop.clone(), &show);
        let keeper: Box<dyn Keep> = Box::new(Lines(BufWriter::new(open(&file)?)));
        let taken = planned.dead.letters.discard(&planned.plan, Some(keeper), &sending).await?;
        done += taken.letters;
        stopped |= taken.stopped;
        drop(progress);
        forget(place, service, &taken.gone).await?;
        for (id, why) in &taken.told {
            ui::say(&format!("{} {id} stays: {why}", ui::bad("note:")));
        }
    }
    ui::say(&format!("{} thrown away, kept in {}", ui::letters(done), file.display()));
    if stopped {
        ui::say("stopped before the end; the same command goes on");
    }
    Ok(if stopped || done < whole { Done::Partly } else { Done::All })
}

/// Beyond the first line of defence, the file, somebody has to mean it.
fn confirm(args: &Args, whole: u64) -> Result<()> {
    if args.yes {
        return Ok(());
    }
    if !ui::is_attended() {
        return Err(usage("nobody is there to ask: give --yes if you mean it"));
    }
    let answer = ui::ask(&format!("Throw {} away? Type `discard`:", ui::letters(whole)))?;
    if answer != "discard" {
        bail!("nothing was thrown away");
    }
    Ok(())
}

/// A body may hold what only its owner should read.
fn open(file: &Path) -> Result<File> {
    let opened = OpenOptions::new().create(true).append(true).mode(0o600).open(file);
    opened.with_context(|| format!("cannot write {}: nothing was thrown away", file.display()))
}
