//! `ballet dlq redrive`: sends dead letters back to their services, one of each group first.

use std::time::Duration;

use anyhow::{Error, Result};
use ballet_ops::redrive::{
    Canary, DeadLetter, DeadLetterPlan, OutcomeWatch, RedriveOptions, RedriveOutcome,
    RedriveOutcomeCounts, SendBackResult, send_back,
};
use ballet_store::operators::interventions::Act;
use ballet_terminal::{ask, is_interactive, plain};
use sqlx::PgConnection;

use crate::base::exit::{ExitStatus, is_away};
use crate::base::options::GlobalOptions;
use crate::base::ui::{self, Output, cell};
use crate::operator::dlq::interrupt::stop_on_ctrl_c;
use crate::operator::dlq::missed_events::{self, FromJournal};
use crate::operator::dlq::plans::{self, ServicePlan, forget};
use crate::operator::dlq::selection::DeadLetterSelection;
use crate::operator::dlq::send_args::SendArgs;
use crate::operator::dlq::unrouted_events::{self, FromUnrouted};
use crate::operator::interventions::NoteWriter;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    missed: FromJournal,
    #[command(flatten)]
    unrouted: FromUnrouted,
    #[command(flatten)]
    selection: DeadLetterSelection,
    /// All dead letters
    #[arg(long, help_heading = "Selection")]
    all: bool,
    /// Send all at once, without sending one of each group first
    #[arg(long)]
    no_canary: bool,
    /// Also send dead letters too old for the inbox to know whether they were handled
    #[arg(long)]
    beyond_memory: bool,
    #[command(flatten)]
    sending: SendArgs,
}

/// The result over all services.
#[derive(Debug, Default)]
struct Totals {
    sent: u64,
    /// The outcomes of the messages that were sent.
    outcomes: RedriveOutcomeCounts,
    /// The number of messages not sent, without the forged ones.
    left: u64,
    /// The number of forged messages, which are never sent.
    forged: u64,
    stopped: bool,
    /// Whether a server has failed. The command has said how.
    failed: bool,
}

pub(crate) async fn run(args: &Args, options: &GlobalOptions) -> Result<ExitStatus> {
    if let Some((part, since)) = args.missed.asked(options)? {
        return missed_events::run(&part, since, &args.selection, &args.sending, options).await;
    }
    if args.unrouted.from_unrouted {
        return unrouted_events::run(&args.selection, &args.sending, options).await;
    }
    args.selection.require_unless(args.all)?;
    let planned = plans::plans(&args.selection, options).await?;
    let whole: u64 = planned.iter().map(|planned| planned.plan.dead_letters()).sum();
    if whole == 0 {
        args.selection.require_known_reason()?;
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
    let beyond_memory = unknown > 0 && (args.beyond_memory || confirm(unknown)?);
    let stop = stop_on_ctrl_c();
    let mut totals = Totals { forged, ..Totals::default() };
    for mut planned in planned {
        if *stop.borrow() || totals.failed {
            totals.left += planned.plan.sendable();
            totals.stopped |= !totals.failed;
            continue;
        }
        let progress = ui::Progress::new(
            &format!("sending to {}", planned.queue.service()),
            planned.plan.sendable(),
        );
        let ends = ui::Progress::new(
            &format!("handled or dead again in {}", planned.queue.service()),
            planned.plan.sendable(),
        );
        let (show, known) = (|done: u64| progress.show(done), |of: u64| ends.show(of));
        let service = planned.queue.service();
        let inboxes = match inboxes(service, options).await {
            Ok(inboxes) => inboxes,
            // The report counts what was sent to other services.
            Err(error) if totals.sent > 0 => {
                ui::note(&format!("nothing was sent to {service}: {error:#}"));
                totals.left += planned.plan.sendable();
                totals.failed = true;
                continue;
            }
            Err(error) => return Err(error),
        };
        let notes =
            NoteWriter::open(service, Act::Redriven, args.sending.note(options), options).await;
        let note = |sent: &DeadLetter| notes.add(sent);
        let redrive_options = args.sending.redrive_options(options, stop.clone(), &show, &note);
        let redrive_options = RedriveOptions { beyond_memory, ..redrive_options };
        let patience = Duration::from_secs(args.sending.patience);
        let watching = OutcomeWatch { inboxes, patience, known: &known };
        let (letters, plan) = (&planned.queue.dead_letters, &mut planned.plan);
        let sent = send_back(letters, plan, !args.no_canary, &redrive_options, watching).await;
        notes.close().await;
        let mut sent = match sent {
            Ok(sent) => sent,
            // The report counts what was sent to other services.
            Err(error) if totals.sent > 0 => {
                SendBackResult { error: Some(error), ..SendBackResult::default() }
            }
            Err(error) => return Err(error.into()),
        };
        drop((progress, ends));
        let service = planned.queue.service();
        if let Err(error) = forget(options, service, &sent.summary.retired).await {
            ui::note(&format!("`sagas stuck` may still list some of {service}: {error:#}"));
        }
        show_canaries(&sent.canaries, options);
        for (id, why) in &sent.summary.failures {
            ui::note(&format!("{id} was not sent: {why}"));
        }
        if let Some(error) = sent.error.take() {
            if totals.sent + sent.summary.removed == 0 {
                return Err(error.into());
            }
            totals.failed = true;
            ui::note(&format!("the rest was not sent: {error}"));
        }
        totals.add(&planned.plan, sent);
    }
    Ok(conclude(&totals, unknown > 0 && !beyond_memory, args))
}

/// Opens two connections to the service's database. Without it the messages are sent all the same: it only shows what
/// was handled.
async fn inboxes(service: &str, options: &GlobalOptions) -> Result<[Option<PgConnection>; 2]> {
    let opened = async {
        Ok::<_, Error>([options.connect(service).await?, options.connect(service).await?])
    };
    match opened.await {
        Err(error) if is_away(&error) => {
            ui::note(&format!("the inbox does not show what was handled: {error:#}"));
            Ok([None, None])
        }
        opened => opened,
    }
}

impl Totals {
    fn add(&mut self, plan: &DeadLetterPlan, sent: SendBackResult) {
        self.sent += sent.summary.removed;
        self.left += plan.sendable().saturating_sub(sent.summary.removed);
        self.stopped |= sent.summary.stopped;
        self.outcomes.merge(sent.outcomes);
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

fn confirm(unknown: u64) -> Result<bool> {
    ui::say(&unknown_if_handled(unknown));
    if !is_interactive() {
        ui::say("they are left out; --beyond-memory sends them too");
        return Ok(false);
    }
    let answer = ask("Send them too? [y/N]")?;
    Ok(answer.eq_ignore_ascii_case("y") || answer.eq_ignore_ascii_case("yes"))
}

fn show_canaries(canaries: &[Canary], options: &GlobalOptions) {
    if options.output != Output::Table {
        let rows = canaries.iter().map(|canary| {
            let (outcome, reason, detail) = match &canary.outcome {
                RedriveOutcome::Handled => ("handled", None, None),
                RedriveOutcome::DeadAgain { reason, detail } => {
                    ("dead_again", Some(reason.clone()), detail.clone())
                }
                RedriveOutcome::Unknown => ("unknown", None, None),
            };
            serde_json::json!({ "canary": canary.id, "outcome": outcome, "reason": reason,
                "detail": detail, "group": canary.group.to_string() })
        });
        ui::print_json(Output::Jsonl, rows);
        return;
    }
    for canary in canaries {
        let group = cell(Some(&canary.group.to_string()));
        let id = ballet::core::id::short(&canary.id);
        let (mark, outcome) = match &canary.outcome {
            RedriveOutcome::Handled => (ui::green("✓"), "was handled".to_owned()),
            RedriveOutcome::DeadAgain { reason, detail } => {
                let detail = cell(Some(detail.as_deref().unwrap_or(reason)));
                (ui::red("✗"), format!("is dead again: {detail}"))
            }
            RedriveOutcome::Unknown => {
                (ui::yellow("?"), "is neither handled nor dead yet".to_owned())
            }
        };
        ui::print(&format!("  {mark} {group}: {id} {outcome}"));
    }
}

fn conclude(totals: &Totals, left_out: bool, args: &Args) -> ExitStatus {
    let Totals { sent, outcomes, left, forged, .. } = totals;
    let dead = outcomes.dead();
    let mut message = format!("{} sent back: {outcomes}", ui::counted(*sent, "dead letter"));
    if *left > 0 {
        message.push_str(&format!("; {} were not sent", ui::grouped(*left)));
    }
    ui::say(&message);
    outcomes.deaths().for_each(|death| ui::say(&plain(&death)));
    if *forged > 0 {
        ui::say(&are_forged(*forged));
    }
    if totals.stopped {
        ui::say("stopped before the end; nothing is lost, and the same command continues");
        return ExitStatus::Partly;
    }
    if totals.failed {
        ui::say("nothing is lost, and the same command continues");
        return ExitStatus::Partly;
    }
    if *left == 0 && dead == 0 {
        return if *forged == 0 { ExitStatus::All } else { ExitStatus::Partly };
    }
    if !args.no_canary && *left > 0 && !left_out {
        if dead > 0 {
            ui::say(&format!(
                "groups whose first message died again were not sent: fix the cause, or the \
                 message with `{} dlq edit`; --no-canary sends them anyway",
                ui::ballet()
            ));
        }
        if outcomes.unknown > 0 {
            ui::say(
                "groups whose first message was not handled in time were not sent: is the service \
                 running? Without DATABASE_URL, only an event that the service published because of a \
                 message shows that it was handled; --patience waits longer, --no-canary sends them \
                 anyway",
            );
        }
    }
    if dead > 0 && *sent == dead {
        return ExitStatus::Failed;
    }
    ExitStatus::Partly
}
