//! `ballet dlq edit`: gives a dead letter another body.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use ballet_check::validate::Validator;
use ballet_ops::redrive::{DeadLetter, DeadLetterFilter};
use ballet_ops::terminal::plain;
use jiff::Timestamp;

use crate::base::exit::{ExitStatus, usage};
use crate::base::input::read;
use crate::base::options::GlobalOptions;
use crate::base::systems::contracts;
use crate::base::ui;
use crate::operator::dead_letters;
use crate::operator::dlq::interrupt::stop_on_ctrl_c;
use crate::operator::dlq::lookup;
use crate::operator::dlq::note::NoteArgs;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The message's id, or its last digits
    id: String,
    /// The file with the new body; `-` is standard input
    #[arg(long, value_name = "FILE")]
    body: PathBuf,
    /// Only in this service
    #[arg(long, value_name = "NAME")]
    service: Vec<String>,
    /// Show the new body, and change nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    note_args: NoteArgs,
}

pub(crate) async fn run(args: &Args, options: &GlobalOptions) -> Result<ExitStatus> {
    let mut dead_letters = lookup::message(&args.id, &args.service, options).await?;
    let forgery = dead_letters.iter().find_map(DeadLetter::why_unsendable);
    dead_letters.retain(|dead_letter| dead_letter.why_unsendable().is_none());
    if let (Some(why), true) = (forgery, dead_letters.is_empty()) {
        return Err(usage(format!("another body does not help: {}", plain(&why))));
    }
    let Some(dead_letter) = dead_letters.first() else { bail!("no dead letter") };
    if lookup::services_of(&dead_letters).len() > 1 {
        let services: Vec<&str> = lookup::services_of(&dead_letters).into_iter().collect();
        let services = services.join(", ");
        return Err(usage(format!(
            "{services} each have it as a dead letter: choose one with --service"
        )));
    }
    let body = new_body(&args.body)?;
    if args.dry_run {
        ui::print(&body);
        ui::say("this would be the new body; nothing was changed");
        return Ok(ExitStatus::All);
    }
    let id = dead_letter.id.to_string();
    let filter = DeadLetterFilter { ids: vec![id.clone()], ..DeadLetterFilter::default() };
    let queues = dead_letters::open(options, std::slice::from_ref(&dead_letter.service)).await?;
    let Some(queue) = queues.into_iter().next() else { bail!("the queue is gone") };
    let plan = queue.dead_letters.plan(filter, None, Timestamp::UNIX_EPOCH).await?;
    let redrive_options = args.note_args.redrive_options(options, stop_on_ctrl_c(), &|_| {});
    let faults = faults(dead_letter, &body, options);
    let summary = queue.dead_letters.edit(&plan, body.clone().into(), &redrive_options).await?;
    for (id, why) in &summary.failures {
        ui::note(&format!("{id} was not changed: {why}"));
    }
    if summary.removed == 0 {
        ui::say("it was edited, redriven or discarded by somebody else meanwhile");
        return Ok(ExitStatus::Failed);
    }
    ui::print(&format!("{id} has a new body; the journal has the old one"));
    for fault in faults {
        ui::say(&format!("{} {fault}", ui::bad("still wrong:")));
    }
    ui::say(&format!("send it back: {} dlq redrive --id {id}", ui::ballet()));
    Ok(ExitStatus::All)
}

/// What the services' contracts have against the new body. Nothing without a contract that knows the event: then only
/// the redrive shows whether the body is accepted.
fn faults(dead_letter: &DeadLetter, body: &str, options: &GlobalOptions) -> Vec<String> {
    let Ok(contracts) = contracts() else { return Vec::new() };
    let validator = Validator::new(contracts);
    let known = dead_letter.event_type.as_deref().and_then(|name| validator.event(name));
    let Some(event) = known else { return Vec::new() };
    let content_type = dead_letter.properties.content_type().as_ref();
    // A CloudEvent's body wraps the event, and is not compared.
    if content_type.is_some_and(|content_type| content_type.as_str().contains("cloudevents")) {
        return Vec::new();
    }
    validator.body_faults(event, body, options.clock.now())
}

fn new_body(file: &Path) -> Result<String> {
    let nothing = || format!("{}: nothing was changed", file.display());
    let text = String::from_utf8(read(file)?).with_context(nothing)?;
    serde_json::from_str::<serde::de::IgnoredAny>(&text)
        .context("the body is not JSON")
        .with_context(nothing)?;
    Ok(text.trim().to_owned())
}
