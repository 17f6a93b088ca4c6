//! `ballet sagas solved`: a person has compensated a step, or knows how its call ended.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result};
use ballet::SagaId;
use ballet::core::{EventType, Part};
use ballet_check::solved_event;
use ballet_ops::redrive::Note;
use ballet_ops::sagas::{FailedMessageState, ManualCompensation, SolvedStep, solve};
use serde_json::{Value, json};
use sqlx::Connection;
use uuid::Uuid;

use crate::base::exit::{ExitStatus, usage};
use crate::base::input::read;
use crate::base::options::GlobalOptions;
use crate::base::systems::{contracts, system};
use crate::base::ui::{self, Output};
use crate::operator::dlq::note::NoteArgs;

pub(super) const EXAMPLES: &str = "\
Examples:
  ballet sagas solved 0193f7a0-0001-7000-8000-000000000001 --step capture_payment \\
    --why 'paid back at the bank, case 4711'
  ballet sagas solved SAGA --step reserve_stock --why ... --dry-run       what would be published
  ballet sagas solved SAGA --step reserve_stock --why ... --event body.json
  ballet sagas solved SAGA --step authorize_payment --why 'asked the bank' --answer answer.json
  ballet sagas solved SAGA --step authorize_payment --why 'asked the bank' --nothing-done

First do, outside of the system, what the service cannot do. Then report it with this command: the
ledger has the step as compensated, the service does not try it again, its event is published, and the
service goes on with its earlier steps. Without --event the body is made of the fields of the step's outcome.

The service's own rows stay as they are: correct them by hand, too, where that matters. Who did it, when
and why is in the service's database, and `ballet sagas show` shows it. It needs the service's database
(DATABASE_URL), as its own user, and no broker.

With --answer or --nothing-done it reports how the step's own call ended, which waits for a person or fails. The
service treats the answer as if the other side had given it, even if the saga was aborted meanwhile. If nothing
was done, it makes the call as if it were new, or ends it if the saga is aborted.";

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The saga's id
    #[arg(value_name = "ID")]
    pub(super) saga: Uuid,
    /// The step that a person has compensated, or that made the call
    #[arg(long, value_name = "NAME")]
    pub(super) step: String,
    /// The service [default: the one that has the step]
    #[arg(long, value_name = "NAME")]
    service: Option<String>,
    /// The key, if the step has run several times in the saga
    #[arg(long, value_name = "KEY")]
    pub(super) key: Option<String>,
    /// The body of the event to publish, in a file; `-` is standard input [default: the fields of the step's outcome]
    #[arg(long, value_name = "FILE", conflicts_with = "silent")]
    event: Option<PathBuf>,
    /// Publish no event: the step publishes none in a case like this
    #[arg(long)]
    silent: bool,
    /// The other side's answer to the step's call, as JSON in a file, even if it is a "no"; `-` is standard input
    #[arg(long, value_name = "FILE", conflicts_with_all = ["event", "silent"])]
    pub(super) answer: Option<PathBuf>,
    /// The other side has done nothing for the step's call, and nothing is under way
    #[arg(long, conflicts_with_all = ["event", "silent", "answer"])]
    pub(super) nothing_done: bool,
    /// The other side of the call has taken the request, and has confirmed that it will not carry it out
    #[arg(long)]
    pub(super) called_off: bool,
    /// The time to wait while the service itself tries
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(..=3_600))]
    pub(super) patience: u64,
    /// Show what would be done, and change nothing
    #[arg(long)]
    pub(super) dry_run: bool,
    #[command(flatten)]
    pub(super) note_args: NoteArgs,
}

pub(super) async fn run(args: &Args, options: &GlobalOptions) -> Result<ExitStatus> {
    let note = args.note_args.note_with_reason("say what was done instead, and why", options)?;
    let part = part(args)?;
    let given = args.event.as_deref().map(read).transpose()?;
    let given = given.map(String::from_utf8).transpose().context("the body is not UTF-8")?;
    check_wanted(args, &part)?;
    let (contracts, now) = (contracts()?, options.clock.now());
    let body = |kind: EventType, outcome: &str| {
        if args.silent {
            return Ok(None);
        }
        let body = solved_event::body(contracts, kind, given.as_deref(), outcome, now);
        body.map(Some).map_err(|why| match given {
            Some(_) => why,
            None => format!("{why}. Write it to a file, and give it with --event FILE"),
        })
    };
    let mut db =
        options.connect_needed(part.service, "the saga is in the service's database").await?;
    let by_hand = ManualCompensation {
        part: &part,
        saga: SagaId(args.saga),
        step: &args.step,
        key: args.key.as_deref(),
        event: &body,
        is_called_off: args.called_off,
        note,
        message_id: options.clock.new_id(now),
        note_id: options.clock.new_id(now),
    };
    let patience = Duration::from_secs(args.patience);
    let solved = solve(&mut db, &by_hand, patience, args.dry_run).await;
    db.close().await.ok();
    let solved = solved.with_context(|| format!("nothing was changed in {}", part.service))?;
    show(args, &part, &by_hand.note, &solved, options);
    Ok(ExitStatus::All)
}

pub(super) fn part(args: &Args) -> Result<Part> {
    let parts = &system()?.parts;
    if let Some(service) = &args.service {
        let named = parts.iter().find(|part| part.service == service);
        return named
            .cloned()
            .ok_or_else(|| usage(format!("the system has no service `{service}`")));
    }
    let has_step = |part: &Part| {
        part.sagas.iter().flat_map(|saga| &saga.steps).any(|step| step.name == args.step)
    };
    let mut found: Vec<&Part> = parts.iter().filter(|part| has_step(part)).collect();
    match (found.pop(), &found[..]) {
        (Some(part), []) => Ok(part.clone()),
        (Some(last), others) => {
            let names = others.iter().map(|part| part.service).chain([last.service]);
            Err(usage(format!(
                "several services have a step `{}`: choose one with --service: {}",
                args.step,
                names.collect::<Vec<_>>().join(", ")
            )))
        }
        (None, _) => Err(usage(format!(
            "no service has a step `{}`: `ballet sagas stuck` and `ballet sagas show {}` name it",
            args.step, args.saga
        ))),
    }
}

/// The step may publish none.
fn check_wanted(args: &Args, part: &Part) -> Result<()> {
    let mut steps = part.sagas.iter().flat_map(|saga| &saga.steps);
    let is_silent = steps.any(|step| step.name == args.step && step.compensated.is_none());
    if is_silent && args.event.is_some() {
        return Err(usage(format!(
            "{} publishes no event when it is compensated: leave out --event",
            args.step
        )));
    }
    Ok(())
}

fn show(args: &Args, part: &Part, note: &Note, solved: &SolvedStep, options: &GlobalOptions) {
    let (service, saga) = (part.service, args.saga);
    let SolvedStep { step, event, earlier, failed } = solved;
    if options.output != Output::Table {
        let (event, body) = event.as_ref().map(|(kind, body)| (kind.name(), body)).unzip();
        let body: Option<Value> = body.and_then(|body| serde_json::from_str(body).ok());
        let row = json!({
            "saga": saga, "service": service, "step": step, "by": note.by, "why": note.why,
            "event": event, "body": body, "earlier": earlier, "changed": !args.dry_run,
        });
        ui::print_json(options.output, [row]);
        return;
    }
    if let Some((kind, body)) = event {
        ui::print(&format!("{kind} {body}"));
    }
    if args.dry_run {
        ui::say(&format!("{step} of {service} would be marked as solved; nothing was changed"));
        return;
    }
    ui::say(&format!("{step} of {service} is marked as solved by {}", note.by));
    if event.is_some() {
        ui::say(&format!("{service} publishes the event within seconds"));
    }
    if !earlier.is_empty() {
        ui::say(&format!("{service} goes on with {}", earlier.join(", ")));
    }
    let (next, verb) = match failed {
        Some(FailedMessageState::ComesAgain) => {
            ("inbox retry", "comes again and is done then; now")
        }
        Some(FailedMessageState::IsDead) => {
            ("dlq redrive", "is a dead letter; it is done when it is sent back")
        }
        None => return,
    };
    let service =
        if next == "dlq redrive" { format!("--service {service}") } else { service.to_owned() };
    ui::say(&format!(
        "the message that failed {verb}: {} {next} {service} --saga {saga}",
        ui::ballet()
    ));
}
