//! `ballet dlq redrive`: sends dead letters back to their services.

use anyhow::Result;
use ballet_ops::redrive::{DeadLetterPlan, RedriveOptions, Summary};

use crate::base::exit::ExitStatus;
use crate::base::options::GlobalOptions;
use crate::base::ui::{self, Output};
use crate::operator::dlq::interrupt::stop_on_ctrl_c;
use crate::operator::dlq::plans::{self, ServicePlan, forget};
use crate::operator::dlq::selection::DeadLetterSelection;
use crate::operator::dlq::send_args::SendArgs;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    selection: DeadLetterSelection,
    /// All dead letters
    #[arg(long, help_heading = "Selection")]
    all: bool,
    /// Send at most this many, the first in the queue
    #[arg(long, value_name = "N", help_heading = "Selection", value_parser = clap::value_parser!(u64).range(1..))]
    limit: Option<u64>,
    /// Also send dead letters too old for the inbox to know whether they were handled
    #[arg(long)]
    beyond_memory: bool,
    #[command(flatten)]
    sending: SendArgs,
}

#[derive(Debug, Default)]
struct Totals {
    sent: u64,
    left: u64,
    /// The number of forged messages, which are never sent.
    forged: u64,
    stopped: bool,
    /// The command has said how.
    failed: bool,
}

pub(crate) async fn run(args: &Args, options: &GlobalOptions) -> Result<ExitStatus> {
    args.selection.require_unless(args.all)?;
    let planned = plans::plans(&args.selection, args.limit, options).await?;
    let whole: u64 = planned.iter().map(|planned| planned.plan.dead_letters()).sum();
    if whole == 0 {
        ui::print("no dead letters match");
        return Ok(ExitStatus::All);
    }
    show(&planned, options);
    let unknown: u64 = planned.iter().map(|planned| planned.plan.beyond_memory()).sum();
    let forged: u64 = planned.iter().map(|planned| planned.plan.unsendable()).sum();
    if args.sending.dry_run {
        ui::say(&format!(
            "{} would be sent back; nothing was sent",
            ui::counted(whole - forged, "dead letter")
        ));
        if unknown > 0 {
            ui::say(&unknown_if_handled(unknown));
        }
        if forged > 0 {
            ui::say(&are_forged(forged));
        }
        return Ok(ExitStatus::All);
    }
    if unknown > 0 && !args.beyond_memory {
        ui::say(&unknown_if_handled(unknown));
        ui::say("they are left out; --beyond-memory sends them too");
    }
    let stop = stop_on_ctrl_c();
    let mut totals = Totals { forged, ..Totals::default() };
    for planned in planned {
        let service = planned.queue.service();
        if *stop.borrow() || totals.failed {
            totals.left += planned.plan.sendable();
            totals.stopped |= !totals.failed;
            continue;
        }
        let progress = ui::Progress::new(&format!("sending to {service}"), planned.plan.sendable());
        let show = |done: u64| progress.show(done);
        let redrive_options = args.sending.redrive_options(options, stop.clone(), &show);
        let redrive_options =
            RedriveOptions { beyond_memory: args.beyond_memory, ..redrive_options };
        let sent = planned.queue.dead_letters.redrive(&planned.plan, &redrive_options).await;
        let mut sent = match sent {
            Ok(sent) => sent,
            // The report counts what was sent to other services.
            Err(error) if totals.sent > 0 => Summary { error: Some(error), ..Summary::default() },
            Err(error) => return Err(error.into()),
        };
        drop(progress);
        forget(options, service, &sent.retired).await;
        for (id, why) in &sent.failures {
            ui::note(&format!("{id} was not sent: {why}"));
        }
        if let Some(error) = sent.error.take() {
            totals.failed = true;
            ui::note(&format!("the rest was not sent: {error}"));
        }
        totals.add(&planned.plan, &sent);
    }
    Ok(conclude(&totals))
}

impl Totals {
    fn add(&mut self, plan: &DeadLetterPlan, sent: &Summary) {
        self.sent += sent.removed;
        self.left += plan.sendable().saturating_sub(sent.removed);
        self.stopped |= sent.stopped;
    }
}

/// Prints what is about to be sent.
fn show(planned: &[ServicePlan], options: &GlobalOptions) {
    if options.output != Output::Table {
        return;
    }
    plans::show(planned, options);
    let renamed: u64 = planned.iter().map(|planned| planned.plan.renamed()).sum();
    if renamed > 0 {
        ui::say(&format!(
            "{} get a new message id, because services refuse ids that are this old; the old id is \
             kept in x-original-message-id",
            ui::counted(renamed, "dead letter")
        ));
    }
}

fn are_forged(count: u64) -> String {
    let (are, them) = if count == 1 { ("is", "it") } else { ("are", "them") };
    format!(
        "{} {are} forged and not sent: discard {them} with `{} dlq discard`",
        ui::counted(count, "dead letter"),
        ui::ballet()
    )
}

fn unknown_if_handled(unknown: u64) -> String {
    format!(
        "{} are older than the inbox remembers, and no ledger of a step knows whether they were \
         handled: a projection might handle them twice",
        ui::counted(unknown, "dead letter")
    )
}

fn conclude(totals: &Totals) -> ExitStatus {
    let Totals { sent, left, forged, .. } = totals;
    let mut message = format!("{} sent back", ui::counted(*sent, "dead letter"));
    if *left > 0 {
        message.push_str(&format!("; {} were not sent", ui::grouped(*left)));
    }
    ui::say(&message);
    if *forged > 0 {
        ui::say(&are_forged(*forged));
    }
    if totals.stopped {
        ui::say("stopped before the end; nothing is lost, and the same command continues");
    } else if totals.failed {
        ui::say("nothing is lost, and the same command continues");
    }
    if totals.stopped || totals.failed || *left > 0 || *forged > 0 {
        ExitStatus::Partly
    } else {
        ExitStatus::All
    }
}
