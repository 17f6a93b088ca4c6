//! `ballet publish`: publishes events from a file. Nothing leaves before the contracts have accepted all
//! of them.

mod args;
mod outgoing;
mod sending;

use anyhow::Result;
use ballet::core::topology;
use ballet_check::validate::Validator;
use serde_json::{Value, json};

use crate::exit::{Done, usage};
use crate::input::read;
use crate::options::GlobalOptions;
pub(crate) use crate::publish::args::Args;
use crate::publish::outgoing::{Outgoing, outgoing};
use crate::publish::sending::{Sent, send};
use crate::systems::contracts;
use crate::ui::{self, Output};
use crate::validate::texts::{Text, texts};

pub(crate) const EXAMPLES: &str = "\
Examples:
  ballet publish checkout.json --type cart.checked_out.v1 --app-id storefront
  ballet publish messages.jsonl --dry-run
  jq -c '.[]' orders.json | ballet publish - --type orders.order_placed.v1 --saga 0190...

A message in the file has `type` and `body`, and may have `message_id`, `correlation_id`, `app_id` and
`headers`. One without an id gets a new one, which is printed: to publish it once more after a doubt,
publish it with that id. If one message is wrong, none is published.";

pub(crate) async fn run(args: &Args, options: &GlobalOptions) -> Result<Done> {
    let validator = Validator::new(contracts()?);
    if let Some(name) = args.event.as_deref()
        && validator.event(name).is_none()
    {
        return Err(usage(format!("no service knows an event named {name:?}")));
    }
    let text = read(&args.file)?;
    let texts = texts(&text);
    if texts.is_empty() {
        return Err(usage(format!("there is no message in {}", args.file.display())));
    }
    let read = texts.iter().map(|text| (text, outgoing(text, args, &validator, &options.clock)));
    let read: Vec<_> = read.collect();
    if read.iter().any(|(_, message)| message.is_err()) {
        refuse(&read, options);
        return Ok(Done::Failed);
    }
    let messages: Vec<_> = read.into_iter().filter_map(|(_, message)| message.ok()).collect();
    if args.dry_run {
        show(&messages, &vec![Sent::NotTried; messages.len()], options);
        return Ok(Done::All);
    }
    let broker = options.broker_as(topology::OPS)?;
    let sent = send(broker, &messages).await?;
    show(&messages, &sent, options);
    let confirmed = sent.iter().filter(|sent| **sent == Sent::Confirmed).count();
    Ok(match confirmed {
        all if all == messages.len() => Done::All,
        0 => Done::Failed,
        _ => Done::Partly,
    })
}

/// Says what is wrong with which message of the file.
fn refuse(read: &[(&Text<'_>, Result<Outgoing, Vec<String>>)], options: &GlobalOptions) {
    let (mut rows, mut wrong) = (Vec::new(), 0);
    for (Text { place, .. }, message) in read {
        match message {
            Ok(message) => rows.push(row(message, &Sent::NotTried)),
            Err(why) => {
                wrong += 1;
                for why in why {
                    ui::say(&format!("{place}{} {why}", ui::bad("error:")));
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

fn show(messages: &[Outgoing], sent: &[Sent], options: &GlobalOptions) {
    let both = messages.iter().zip(sent);
    if options.output != Output::Table {
        ui::print_json(options.output, both.map(|(message, sent)| row(message, sent)).collect());
        return;
    }
    for (Outgoing { place, event, message_id, .. }, sent) in both {
        match sent {
            Sent::NotTried => ui::print(&format!("{place}would publish {event}, id {message_id}")),
            Sent::Confirmed => {
                ui::print(&format!("{place}{} {event}, id {message_id}", ui::green("published")));
            }
            Sent::No(why) | Sent::Unknown(why) => {
                let word = if matches!(sent, Sent::No(_)) { "not published" } else { "unknown" };
                let (word, id) = (ui::red(word), message_id);
                ui::print(&format!("{place}{word} {event}, id {id}: {why}"));
            }
        }
    }
}

fn row(message: &Outgoing, sent: &Sent) -> Value {
    let (state, why) = match sent {
        Sent::NotTried => ("valid", None),
        Sent::Confirmed => ("published", None),
        Sent::No(why) => ("not_published", Some(why)),
        Sent::Unknown(why) => ("unknown", Some(why)),
    };
    json!({
        "place": message.place.trim_end_matches(": "),
        "type": message.event.name(),
        "message_id": message.message_id,
        "saga": message.saga,
        "state": state,
        "why": why,
    })
}
