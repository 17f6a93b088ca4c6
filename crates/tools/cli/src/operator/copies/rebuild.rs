//! `ballet copies rebuild`.

use std::time::Duration;

use anyhow::Result;
use ballet_store::copies::rebuild::Rebuild;
use ballet_store::copies::state::{self as copies, CopyState};
use tokio::time::{Instant, sleep};

use crate::base::exit::{ExitStatus, usage};
use crate::base::options::GlobalOptions;
use crate::base::ui::{self, Progress, grouped};
use crate::operator::copies::selection::{
    CopySelection, ServiceCopy, not_shared, reader_and_owner,
};

const LOOK: Duration = Duration::from_millis(300);

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    selection: CopySelection,
    /// Empty the copy first: needed if the owner's data were set back to an older state, or if the
    /// owner forgot entities
    #[arg(long)]
    empty: bool,
    /// Stop waiting when nothing has come for this long, in seconds
    #[arg(long, default_value_t = 60, value_name = "SECONDS")]
    patience: u64,
    /// Say what would be done, and change nothing
    #[arg(long)]
    dry_run: bool,
}

pub(super) async fn run(args: &Args, options: &GlobalOptions) -> Result<ExitStatus> {
    if args.selection.service.is_empty() {
        return Err(usage("say whose copies: --service"));
    }
    let found = args.selection.find(options).await?;
    if found.is_empty() {
        ui::print("no copy matches");
        return Ok(ExitStatus::Failed);
    }
    let mut done = ExitStatus::All;
    for kept in &found {
        let CopyState { entity, owner, entities, .. } = &kept.copy;
        if args.dry_run {
            let emptied = if args.empty { ", which is emptied first," } else { "" };
            ui::print(&format!(
                "{owner} would publish every {entity} anew for the copy in {}{emptied} with {} \
                 entities",
                kept.service,
                grouped(entities.unsigned_abs())
            ));
            continue;
        }
        done = match (done, rebuild_one(kept, args, options).await?) {
            (ExitStatus::All, of_this) => of_this,
            (ExitStatus::Failed, _) | (_, ExitStatus::Failed) => ExitStatus::Failed,
            (ExitStatus::Partly | ExitStatus::Different, _) => ExitStatus::Partly,
        };
    }
    Ok(done)
}

async fn rebuild_one(
    kept: &ServiceCopy,
    args: &Args,
    options: &GlobalOptions,
) -> Result<ExitStatus> {
    let CopyState { entity, owner: from, .. } = &kept.copy;
    let (mut reader, mut owner) = reader_and_owner(kept, options).await?;
    let Some(share) = copies::share(&mut owner, entity).await? else {
        ui::say(&format!("{} {}", ui::bad("error:"), not_shared(&kept.copy)));
        return Ok(ExitStatus::Failed);
    };
    if args.empty {
        Rebuild::empty(&mut reader, entity).await?;
    }
    let Some(mut rebuild) = Rebuild::request(&mut owner, entity).await? else {
        ui::say(&format!("{} {}", ui::bad("error:"), not_shared(&kept.copy)));
        return Ok(ExitStatus::Failed);
    };
    let bar = Progress::new(
        &format!("{entity} of {from} for {}", kept.service),
        share.entities.unsigned_abs(),
    );
    let mut last = None;
    let mut moved = Instant::now();
    let mut failed = None;
    let left_out = loop {
        let progress = rebuild.progress(&mut reader, &mut owner).await?;
        if progress.is_done {
            break progress.failure;
        }
        bar.show(progress.published.unsigned_abs());
        if let Some(failure) = progress.failure.clone().filter(|_| failed != progress.failure) {
            ui::note(&format!("{from} cannot publish: {failure}"));
            failed = Some(failure);
        }
        if last.as_ref() != Some(&progress) {
            moved = Instant::now();
            last = Some(progress);
        }
        if moved.elapsed() > Duration::from_secs(args.patience) {
            drop(bar);
            ui::say(&format!(
                "nothing has come for {} s; {from} goes on when it can, and `{} copies list` \
                 shows how far it is",
                args.patience,
                ui::ballet()
            ));
            return Ok(ExitStatus::Partly);
        }
        sleep(LOOK).await;
    };
    drop(bar);
    if let Some(left_out) = left_out {
        ui::note(&format!(
            "{from} has published all but what no event can hold, such as {left_out}"
        ));
        return Ok(ExitStatus::Partly);
    }
    let published = last.map_or(share.entities, |last| last.published.max(share.entities));
    ui::print(&format!(
        "{} has every {entity} of {from}: {}",
        kept.service,
        grouped(published.unsigned_abs())
    ));
    Ok(ExitStatus::All)
}
