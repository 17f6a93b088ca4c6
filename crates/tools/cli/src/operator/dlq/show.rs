//! `ballet dlq show`: one dead letter with all its content.

use anyhow::Result;
use ballet_amqp::headers::{EDITED, REDRIVEN};
use ballet_ops::redrive::json;
use ballet_ops::redrive::{DeadLetter, Note};
use serde_json::Map;

use crate::base::exit::ExitStatus;
use crate::base::options::GlobalOptions;
use crate::base::ui::{self, Output, cell};
use crate::operator::dlq::{lookup, render};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The message's id, or its last digits
    id: String,
    /// Only in this service
    #[arg(long, value_name = "NAME")]
    service: Vec<String>,
}

pub(crate) async fn run(args: &Args, options: &GlobalOptions) -> Result<ExitStatus> {
    let dead_letters = lookup::message(&args.id, &args.service, options).await?;
    if options.output != Output::Table {
        ui::print_json(options.output, dead_letters.iter().map(json::full));
        return Ok(ExitStatus::All);
    }
    for dead_letter in &dead_letters {
        show(dead_letter, options);
    }
    if dead_letters.len() > 1 {
        ui::say(&format!("{} dead letters are copies of this message", dead_letters.len()));
    }
    let (ballet, id) = (ui::ballet(), &args.id);
    if dead_letters.iter().all(|dead_letter| dead_letter.why_unsendable().is_some()) {
        ui::say(&format!("it is forged, and never sent back: {ballet} dlq discard --id {id}"));
        return Ok(ExitStatus::All);
    }
    ui::say(&format!(
        "send it back: {ballet} dlq redrive --id {id}; with another body: {ballet} dlq edit {id}"
    ));
    Ok(ExitStatus::All)
}

fn show(dead_letter: &DeadLetter, options: &GlobalOptions) {
    let line = |name: &str, value: &str| {
        ui::print(&format!("{}  {}", ui::dim(&format!("{name:<16}")), cell(Some(value))));
    };
    line("message", &dead_letter.id.to_string());
    line("service", &dead_letter.service);
    line("reason", &dead_letter.reason);
    if let Some(detail) = &dead_letter.detail {
        line("detail", detail);
    }
    if let Some(step) = &dead_letter.step {
        line("step", step);
    }
    if let Some(at) = dead_letter.dead_at {
        line("died", &format!("{at} ({} ago)", ui::ago(Some(at), options.clock.now())));
    }
    line("attempts", &dead_letter.attempts.to_string());
    let last = |prefix: &str| dead_letter.noted(prefix).map(|note| by(&note, options));
    let redriven = last(REDRIVEN).map_or_else(String::new, |by| format!(", last {by}"));
    line("redriven", &format!("{} times{redriven}", dead_letter.redrives));
    if let Some(by) = last(EDITED) {
        line("edited", &by);
    }
    if let Some(exchange) = &dead_letter.exchange {
        let key = dead_letter.routing_key.as_deref().unwrap_or_default();
        line("published to", &format!("exchange {exchange:?}, routing key {key:?}"));
    }
    for (title, fields) in [
        ("properties", json::properties(dead_letter)),
        ("headers", json::headers(dead_letter.properties.headers().as_ref())),
    ] {
        if fields.as_object().is_none_or(Map::is_empty) {
            continue;
        }
        ui::print(&format!("\n{}", ui::dim(title)));
        for (name, value) in fields.as_object().into_iter().flatten() {
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            ui::print(&format!("  {:<18} {}", cell(Some(name)), cell(Some(&value))));
        }
    }
    ui::print(&format!("\n{} ({} bytes)", ui::dim("body"), dead_letter.body.len()));
    ui::print(&body(dead_letter));
}

fn by(Note { by, why, at }: &Note, options: &GlobalOptions) -> String {
    let why = why.as_ref().map_or_else(String::new, |why| format!(": {why}"));
    format!("by {by} {} ago{why}", ui::ago(Some(*at), options.clock.now()))
}

/// Indented if it is JSON.
fn body(dead_letter: &DeadLetter) -> String {
    let Some(text) = dead_letter.text() else {
        return "the body is not UTF-8; -o json shows it in base64".to_owned();
    };
    let shown = |c: &char| !c.is_control() || *c == '\n' || *c == '\t';
    render::pretty(text).chars().filter(shown).collect()
}
