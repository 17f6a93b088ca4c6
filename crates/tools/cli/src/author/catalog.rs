//! `ballet catalog`: a system's events, with publishers and consumers.

use anyhow::Result;
use ballet::core::Role;
use ballet::core::portable::make_portable;
use ballet_check::listing::{self, ListedEvent};
use ballet_ops::terminal::{Cell, Table};
use serde_json::{Value, json};

use crate::base::exit::{ExitStatus, usage};
use crate::base::options::GlobalOptions;
use crate::base::systems::contracts;
use crate::base::ui::{self, Output};

pub(crate) const EXAMPLES: &str = "\
Examples:
  ballet catalog
  ballet catalog orders.order_placed.v1
  ballet catalog order_placed
  ballet catalog -o jsonl | jq -r 'select(.consumed_by == []) | .event'
  ballet catalog order_placed -o json | jq '.[0].schema'";

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// One event with all its fields: its full name, or the part between the points
    event: Option<String>,
}

pub(crate) fn run(args: &Args, options: &GlobalOptions) -> Result<ExitStatus> {
    let events = listing::events(contracts()?);
    let chosen: Vec<&ListedEvent> = match &args.event {
        None => events.iter().collect(),
        Some(name) => find_events(&events, name)?,
    };
    if options.output != Output::Table {
        ui::print_json(options.output, chosen.into_iter().map(row));
    } else if args.event.is_some() {
        chosen.into_iter().for_each(show_one);
    } else {
        show(&chosen);
    }
    Ok(ExitStatus::All)
}

/// The event of this name, or all events whose middle part it is.
fn find_events<'a>(events: &'a [ListedEvent], name: &str) -> Result<Vec<&'a ListedEvent>> {
    let whole: Vec<_> = events.iter().filter(|one| one.event.name() == name).collect();
    let found = if whole.is_empty() {
        events.iter().filter(|one| one.event.event() == name).collect()
    } else {
        whole
    };
    if !found.is_empty() {
        return Ok(found);
    }
    let alike = events.iter().map(|one| one.event.name()).filter(|other| other.contains(name));
    let alike: Vec<&str> = alike.collect();
    Err(usage(match &alike[..] {
        [] => format!("there is no event {name}: `ballet catalog` lists all"),
        names => format!("there is no event {name}; there is {}", names.join(", ")),
    }))
}

fn show(events: &[&ListedEvent]) {
    let mut table = Table::new(["event", "published by", "saga", "consumed by"]);
    for listed in events {
        let mut consumers: Vec<&str> =
            listed.consumers.iter().map(|(service, _)| *service).collect();
        consumers.dedup();
        table.row([
            Cell::from(listed.event.name()),
            Cell::from(joined(&listed.publishers)),
            Cell::from(joined(&listed.sagas)),
            Cell::from(joined(&consumers)),
        ]);
    }
    ui::show(&table);
    ui::say("show one with its fields: ballet catalog <event>");
}

/// Separated by commas.
fn joined(items: &[&str]) -> Option<String> {
    (!items.is_empty()).then(|| items.join(", "))
}

fn show_one(listed: &ListedEvent) {
    ui::print(&format!(
        "{}  {}",
        ui::green(listed.event.name()),
        ui::dim(role(listed.event.role()))
    ));
    if !listed.meaning.is_empty() {
        ui::print(&listed.meaning);
    }
    let foreign = listed.event.foreign_producers();
    for publisher in &listed.publishers {
        let outside = if foreign.contains(publisher) { ", from outside of the system" } else { "" };
        ui::print(&format!("published by {publisher}{outside}"));
    }
    for (service, what_for) in &listed.consumers {
        ui::print(&format!("consumed by {service}, {what_for}"));
    }
    if listed.consumers.is_empty() {
        ui::print("consumed by no service; the journal keeps it");
    }
    let fields = listing::fields(&listed.schema);
    if fields.is_empty() {
        return;
    }
    let key_of = |path: &str| {
        let key = listed.keys.iter().find(|key| key.field().trim_end_matches("[]") == path)?;
        let made = if key.is_made_here() { ", made here" } else { "" };
        Some(format!("{}{made}", key.name()))
    };
    let mut table = Table::new(["field", "key", "required", "type", "meaning"]);
    for field in fields {
        table.row([
            Cell::from(&field.path),
            Cell::from(key_of(&field.path)),
            Cell::from(if field.required { "yes" } else { "no" }),
            Cell::from(field.kind),
            Cell::from(Some(field.meaning).filter(|meaning| !meaning.is_empty())),
        ]);
    }
    ui::print("");
    ui::show(&table);
}

/// The meaning of an event's role for its correlation id.
const fn role(role: Role) -> &'static str {
    match role {
        Role::Plain => "plain: of no saga",
        Role::StartsSaga => "starts_saga: may begin one",
        Role::InSaga => "in_saga: carries the saga's id",
    }
}

fn row(listed: &ListedEvent) -> Value {
    let mut schema = listed.schema.clone();
    make_portable(&mut schema);
    let consumers = listed.consumers.iter();
    let consumers: Vec<Value> = consumers
        .map(|(service, what_for)| json!({ "service": service, "what_for": what_for }))
        .collect();
    json!({
        "event": listed.event.name(),
        "role": listed.event.role(),
        "published_by": listed.publishers,
        "also_from": listed.event.foreign_producers(),
        "consumed_by": consumers,
        "sagas": listed.sagas,
        "keys": listed.keys,
        "meaning": listed.meaning,
        "schema": schema,
    })
}
