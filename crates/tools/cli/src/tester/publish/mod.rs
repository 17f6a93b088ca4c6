//! `ballet publish`: publishes a file's events, once the contracts accept all.

mod args;
mod message;
mod outgoing;
mod texts;

use anyhow::Result;
use ballet::Clock;
use ballet::core::{Incoming, topology};
use ballet_check::validate::Validator;
use ballet_ops::publish::{MessageOutcome, send};
use futures_util::stream;
use serde_json::{Value, json};

use crate::base::exit::{ExitStatus, usage, with_advice};
use crate::base::input::read;
use crate::base::options::GlobalOptions;
use crate::base::systems::{contracts, require_resolved};
use crate::base::ui::{self, Output};
pub(crate) use crate::tester::publish::args::Args;
use crate::tester::publish::message::FileMessage;
use crate::tester::publish::outgoing::{MessageDefaults, OutgoingMessage, outgoing};
use crate::tester::publish::texts::{MessageText, texts};

pub(crate) const EXAMPLES: &str = "\
Examples:
  ballet publish checkout.json --type cart.checked_out.v1 --app-id storefront
  ballet publish messages.jsonl --dry-run     would the services take them? No broker is needed
  jq -c '.[]' orders.json | ballet publish - --type orders.order_placed.v1 --saga 0190...

A message in the file has `type` and `body`, and may have `message_id`, `correlation_id`, `app_id` and
`headers`. One without an id gets a new one, which is printed: if you cannot tell whether it was
published, publish it again with that id. If one message is wrong, none is published.";

pub(crate) async fn run(args: &Args, options: &GlobalOptions) -> Result<ExitStatus> {
    let validator = Validator::new(require_resolved(contracts()?)?);
    if let Some(name) = args.event.as_deref()
        && validator.event(name).is_none()
    {
        return Err(usage(format!(
            "no service knows an event named {name:?}: `ballet catalog` lists all"
        )));
    }
    let text = read(&args.file)?;
    let texts = texts(&text);
    if texts.is_empty() {
        return Err(usage(format!("there is no message in {}", args.file.display())));
    }
    let read = texts.iter().map(|text| (text, complete(text, args, &validator, &options.clock)));
    let read: Vec<_> = read.collect();
    if read.iter().any(|(_, message)| message.is_err()) {
        refuse(&read, options);
        return Ok(ExitStatus::Failed);
    }
    let messages = read.into_iter().filter_map(|(text, message)| Some((text, message.ok()?)));
    let messages: Vec<_> = messages.collect();
    if args.dry_run {
        show(&messages, &vec![MessageOutcome::NotTried; messages.len()], options);
        return Ok(ExitStatus::All);
    }
    let broker = options.broker_as(topology::OPS)?;
    let progress = ui::Progress::new("publishing", messages.len() as u64);
    let all = stream::iter(messages.iter().map(|(_, message)| message.publish.clone()));
    let mut sent = Vec::with_capacity(messages.len());
    let take = |outcome| {
        sent.push(outcome);
        progress.show(sent.len() as u64);
        true
    };
    send(broker, all, take).await.map_err(|error| with_advice(error.into()))?;
    drop(progress);
    show(&messages, &sent, options);
    let confirmed = sent.iter().filter(|sent| **sent == MessageOutcome::Confirmed).count();
    Ok(match confirmed {
        all if all == messages.len() => ExitStatus::All,
        0 => ExitStatus::Failed,
        _ => ExitStatus::Partly,
    })
}

fn complete(
    text: &MessageText<'_>,
    args: &Args,
    validator: &Validator,
    clock: &Clock,
) -> Result<OutgoingMessage, Vec<String>> {
    let saga = args.saga.map(|saga| saga.to_string());
    let defaults = MessageDefaults { saga: saga.as_deref(), app_id: args.app_id.as_deref() };
    if let Some(name) = args.event.as_deref() {
        let given = Incoming { event_type: Some(name), body: text.text, ..Incoming::default() };
        return outgoing(given, None, defaults, validator, clock);
    }
    let read = FileMessage::read(text.text).map_err(|why| vec![format!("not_a_message: {why}")])?;
    outgoing(read.incoming(), read.headers(), defaults, validator, clock)
}

fn refuse(
    read: &[(&MessageText<'_>, Result<OutgoingMessage, Vec<String>>)],
    options: &GlobalOptions,
) {
    let (mut rows, mut wrong) = (Vec::new(), 0);
    for (text, message) in read {
        let place = &text.place;
        match message {
            Ok(message) => rows.push(row(text, message, &MessageOutcome::NotTried)),
            Err(why) => {
                wrong += 1;
                for why in why {
                    ui::say(&format!("{place}{why}"));
                }
                rows.push(json!({
                    "place": place.trim_end_matches(": "), "type": null, "message_id": null,
                    "saga": null, "state": "wrong", "why": why.join("; "),
                }));
            }
        }
    }
    ui::say(&format!("{wrong} of {} messages are wrong: nothing is published", read.len()));
    if options.output != Output::Table {
        ui::print_json(options.output, rows);
    }
}

fn show(
    messages: &[(&MessageText<'_>, OutgoingMessage)],
    sent: &[MessageOutcome],
    options: &GlobalOptions,
) {
    let both = messages.iter().zip(sent);
    if options.output != Output::Table {
        ui::print_json(
            options.output,
            both.map(|((text, message), sent)| row(text, message, sent)),
        );
        return;
    }
    for ((MessageText { place, .. }, OutgoingMessage { event, message_id, .. }), sent) in both {
        match sent {
            MessageOutcome::NotTried => {
                ui::print(&format!("{place}would publish {event}, id {message_id}"));
            }
            MessageOutcome::Confirmed => {
                ui::print(&format!("{place}{} {event}, id {message_id}", ui::green("published")));
            }
            MessageOutcome::No(why) | MessageOutcome::Unknown(why) => {
                let word =
                    if matches!(sent, MessageOutcome::No(_)) { "not published" } else { "unknown" };
                let (word, id) = (ui::red(word), message_id);
                ui::print(&format!("{place}{word} {event}, id {id}: {why}"));
            }
        }
    }
}

fn row(text: &MessageText<'_>, message: &OutgoingMessage, sent: &MessageOutcome) -> Value {
    let (state, why) = match sent {
        MessageOutcome::NotTried => ("valid", None),
        MessageOutcome::Confirmed => ("published", None),
        MessageOutcome::No(why) => ("not_published", Some(why)),
        MessageOutcome::Unknown(why) => ("unknown", Some(why)),
    };
    json!({
        "place": text.place.trim_end_matches(": "),
        "type": message.event.name(),
        "message_id": message.message_id,
        "saga": message.saga,
        "state": state,
        "why": why,
    })
}
