//! `ballet topology repair`: creates what was missing on the broker, and sends what was lost.

use std::time::Duration;

use anyhow::Result;
use ballet_ops::repair::Repair;

use crate::base::exit::{ExitStatus, with_advice};
use crate::base::options::GlobalOptions;
use crate::base::time_or_age::TimeOrAge;
use crate::base::ui;
use crate::operator::dlq::interrupt::stop_on_ctrl_c;
use crate::operator::dlq::send_args::SendArgs;
use crate::operator::missed_events::{floor, time_in_memory, warn, witnesses};

pub(crate) async fn run(
    applied: ExitStatus,
    since: Option<TimeOrAge>,
    patience: u64,
    sending: &SendArgs,
    options: &GlobalOptions,
) -> Result<ExitStatus> {
    let floor = floor(options);
    let since =
        since.map_or(Ok(floor), |since| time_in_memory("--since", since, floor, options))?;
    let patience = Duration::from_secs(patience);
    let repair = Repair { witnesses: witnesses(since, options)?, floor, patience };
    let progress = ui::Progress::endless("searching what was missed");
    let show = |done: u64| progress.show(done);
    let redrive_options = sending.redrive_options(options, stop_on_ctrl_c(), &show);
    let result = repair.run(&redrive_options, sending.dry_run).await;
    drop(progress);
    let result = result.map_err(with_advice)?;
    warn(&result.missed, since);
    result.words().iter().for_each(|one| ui::note(&ballet_ops::terminal::plain(one)));
    let (found, unrouted) = (result.found(), ui::grouped(result.unrouted));
    let events = ui::counted(found, "event");
    ui::say(&match sending.dry_run {
        true => {
            format!("{events} would be sent, {unrouted} of them from `unrouted`; nothing was sent")
        }
        false => format!("{} of {events} sent", ui::grouped(result.sent)),
    });
    let is_done = sending.dry_run || result.sent >= found;
    let is_whole = matches!(applied, ExitStatus::All) && result.is_whole();
    Ok(if is_done && is_whole { ExitStatus::All } else { ExitStatus::Partly })
}
