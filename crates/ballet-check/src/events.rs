//! The events of a system, for whoever publishes or reads them.

use std::fmt::Write;

use ballet_core::{EventType, Graph, Role};

use crate::Catalog;
use crate::markdown::{anchor, code, codes, table as rows_of};
use crate::roles::{Consumer, Purpose, consumers, publishers};
use crate::schema::{Field, Shape};

/// One row per event: who publishes it, who takes it in, what it means.
#[must_use]
pub fn table(graph: &Graph, catalog: &Catalog) -> String {
    table_with(graph, catalog, code)
}

fn table_with(graph: &Graph, catalog: &Catalog, name: impl Fn(EventType) -> String) -> String {
    let row = |(event, shape): &(EventType, Shape)| {
        let mut services: Vec<_> = consumers(graph, *event).iter().map(|c| c.service).collect();
        services.dedup();
        [
            name(*event),
            codes(publishers(graph.system(), *event)),
            codes(services),
            first_sentence(&shape.meaning),
        ]
    };
    let rows: Vec<_> = catalog.events.iter().map(row).collect();
    rows_of(["event", "published by", "consumed by", "meaning"], &rows)
}

/// The page with everything about each event. `made_by` is the command that makes it.
#[must_use]
pub fn page(graph: &Graph, catalog: &Catalog, made_by: &str) -> String {
    let system = graph.system().name;
    let mut page = format!(
        "# Events of the {system}\n\n\
         Made from the code by `{made_by}`; do not edit.\n\n\
         An event is a JSON message on the exchange `events` in the virtual host `{system}`. Its \
         name is the routing key and the AMQP property `type`. Unknown fields are ignored; a \
         field that is not required may be left out or be `null`.\n\n"
    );
    page += &table_with(graph, catalog, |event| {
        format!("[{}](#{})", code(event), anchor(event.name()))
    });
    for (event, shape) in &catalog.events {
        section(&mut page, graph, *event, shape);
    }
    if !catalog.values.is_empty() {
        page += "\n## Values\n\nWhat the fields above are made of.\n";
    }
    for (name, shape) in &catalog.values {
        // Writing to a string cannot fail.
        write!(page, "\n### {name}\n\n{}\n", paragraph(&shape.meaning)).ok();
        page += &content(shape);
    }
    page
}

fn section(page: &mut String, graph: &Graph, event: EventType, shape: &Shape) {
    write!(page, "\n## {event}\n\n{}\n\n", paragraph(&shape.meaning)).ok();
    writeln!(page, "- Published by {}.", published_by(graph, event)).ok();
    let readers = consumers(graph, event);
    if readers.is_empty() {
        page.push_str("- No service waits for it; the journal keeps it.\n");
    }
    for Consumer { service, purpose } in readers {
        let what = match purpose {
            Purpose::Step(step) => format!("in step `{step}`"),
            Purpose::Aborts(saga) => format!("which aborts the saga `{saga}`"),
            Purpose::Deadline(saga) => format!("which aborts the saga `{saga}` if it is undecided"),
            Purpose::Undoes(saga) => format!("which undoes its part of `{saga}`"),
            Purpose::Projection(name) => format!("for `{name}`"),
        };
        writeln!(page, "- Consumed by `{service}`, {what}.").ok();
    }
    writeln!(page, "- {}", role(event)).ok();
    page.push_str(&content(shape));
}

fn published_by(graph: &Graph, event: EventType) -> String {
    let services: Vec<_> = publishers(graph.system(), event)
        .into_iter()
        .map(|name| {
            let foreign = event.foreign_producers().contains(&name);
            if foreign { format!("{} (no service of this system)", code(name)) } else { code(name) }
        })
        .collect();
    if services.is_empty() { "nobody yet".to_owned() } else { services.join(" and ") }
}

const fn role(event: EventType) -> &'static str {
    match event.role() {
        Role::Plain => "It belongs to no saga: `correlation_id` is optional.",
        Role::StartsSaga => {
            "It may begin a saga: `correlation_id` is the saga's id; without one, the message's \
             own id is."
        }
        Role::InSaga => "It belongs to a running saga, whose id is its `correlation_id`.",
    }
}

fn content(shape: &Shape) -> String {
    let mut text = String::new();
    if !shape.fields.is_empty() {
        let row = |field: &Field| {
            let required = if field.required { "yes" } else { "no" };
            [code(&field.name), field.kind.clone(), required.to_owned(), field.meaning.clone()]
        };
        let rows: Vec<_> = shape.fields.iter().map(row).collect();
        write!(text, "\n{}", rows_of(["field", "type", "required", "meaning"], &rows)).ok();
    }
    if !shape.words.is_empty() {
        let rows: Vec<_> =
            shape.words.iter().map(|(word, meaning)| [code(word), meaning.clone()]).collect();
        write!(text, "\n{}", rows_of(["word", "meaning"], &rows)).ok();
    }
    text
}

fn paragraph(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The sentence that a doc comment begins with; what follows is detail.
fn first_sentence(text: &str) -> String {
    let text = paragraph(text);
    match text.find(". ") {
        Some(end) => text[..=end].to_owned(),
        None => text,
    }
}

#[cfg(test)]
#[path = "events_tests.rs"]
mod tests;
