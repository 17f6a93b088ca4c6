//! `ballet dlq redrive --from-unrouted`: sends events that no binding took to their consumers.

use anyhow::Result;
use ballet_ops::redrive::UnroutedEvents;
use jiff::Timestamp;

use crate::base::exit::{ExitStatus, with_advice};
use crate::base::options::GlobalOptions;
use crate::base::systems::system;
use crate::base::ui;
use crate::operator::dlq::interrupt::stop_on_ctrl_c;
use crate::operator::dlq::missed_events::OTHERS;
use crate::operator::dlq::render;
use crate::operator::dlq::selection::DeadLetterSelection;
use crate::operator::dlq::send_args::SendArgs;

#[derive(Debug, clap::Args)]
pub(crate) struct FromUnrouted {
    /// Instead of dead letters, send the events in the queue `unrouted` to the services that consume them
    #[arg(long, conflicts_with = "from_journal", conflicts_with_all = OTHERS,
        help_heading = "Other sources")]
    pub(crate) from_unrouted: bool,
}

pub(crate) async fn run(
    selection: &DeadLetterSelection,
    sending: &SendArgs,
    options: &GlobalOptions,
) -> Result<ExitStatus> {
    let unrouted = UnroutedEvents::new(options.broker()?, system()?.parts.clone());
    let filter = selection.filter(options.clock.now());
    let plan = unrouted.letters().plan(filter.clone(), None, Timestamp::UNIX_EPOCH).await;
    let plan = plan.map_err(with_advice)?;
    selection.require_whole_ids(plan.message_ids().into_iter())?;
    render::groups(&plan.groups().all().collect::<Vec<_>>(), options);
    let (stay, whole) = (plan.unsendable(), plan.sendable());
    if stay > 0 {
        ui::note(&format!("{}: the details say why", ui::acting(stay, "event", "stay")));
    }
    let done = if stay == 0 { ExitStatus::All } else { ExitStatus::Partly };
    if whole == 0 {
        ui::say("there is nothing to send in the queue `unrouted`");
        return Ok(done);
    }
    if sending.dry_run {
        ui::say(&format!("{} would be sent; nothing was sent", ui::counted(whole, "event")));
        return Ok(ExitStatus::All);
    }
    let progress = ui::Progress::new("sending from unrouted", whole);
    let show = |sent: u64| progress.show(sent);
    let send_options = sending.redrive_options(options, stop_on_ctrl_c(), &show);
    let sent = unrouted.redrive(&filter, &send_options).await;
    drop(progress);
    let summary = sent.map_err(with_advice)?;
    for (id, why) in &summary.failures {
        ui::note(&format!("{id} was not sent: {why}"));
    }
    ui::say(&format!("{} sent to their services", ui::counted(summary.removed, "event")));
    if summary.stopped {
        ui::say("stopped before the end; nothing is lost, and the same command continues");
    }
    Ok(if summary.removed < whole { ExitStatus::Partly } else { done })
}
