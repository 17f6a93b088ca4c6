//! One event on one line, for people.

use ballet::core::System;
use ballet::core::id::short;
use ballet::core::topology::{EVENTS, NOTES};
use ballet_amqp::headers::{DEAD_DETAIL, DEAD_REASON, text_header};
use ballet_ops::stream::Record;
use ballet_ops::terminal::{columns, cut, plain};

use crate::base::ui;

/// In UTC: `10:03:04.123`.
const TIME: &str = "%H:%M:%S%.3f";
const DAY: &str = "%Y-%m-%d";
/// The width of usual types and services, for an unknown system. A column grows with its content.
const TYPE: usize = 28;
const SERVICE: usize = 10;
/// With less room beside the other columns the body gets its own line.
const LEAST: usize = 20;
const INDENT: &str = "  ";

/// Writes events below each other in columns.
pub(crate) struct EventPrinter {
    columns: Option<usize>,
    event_type: usize,
    service: usize,
    day: String,
}

impl EventPrinter {
    pub(crate) fn of(system: Option<&System>) -> Self {
        let parts = || system.iter().flat_map(|system| &system.parts);
        let types = parts().flat_map(|part| [part.emits(), part.consumes()].concat());
        let event_type = types.map(|event| event.name().len()).max().unwrap_or(TYPE);
        let service = parts().map(|part| part.service.len()).max().unwrap_or(SERVICE);
        Self { columns: columns(), event_type, service, day: String::new() }
    }

    /// The event's line, below one with the day if the day has changed.
    pub(crate) fn line(&mut self, record: &Record) -> String {
        let mut text = String::new();
        let time = match record.time {
            Some(time) => {
                let day = time.strftime(DAY).to_string();
                if day != self.day {
                    text = format!("{}\n", ui::dim(&format!("{day} (times in UTC)")));
                    self.day = day;
                }
                time.strftime(TIME).to_string()
            }
            None => "–".to_owned(),
        };
        let event_type = plain(record.event_type());
        let service = plain(record.service().unwrap_or("–"));
        // As services know it, so that the first event shows the same as later ones. A note may have none.
        let names_one = record.exchange == EVENTS || record.saga().is_some();
        let saga = record.saga_id().filter(|_| names_one).map(|id| id.to_string());
        let saga = saga.or_else(|| record.saga().map(str::to_owned));
        let saga = saga.map_or("–".to_owned(), |saga| plain(&short(&saga)));
        self.event_type = self.event_type.max(event_type.chars().count());
        self.service = self.service.max(service.chars().count());
        let (mark, said) = match death_mark(record) {
            Some((mark, why)) => (format!("{mark} "), why),
            None => (String::new(), record.text().into_owned()),
        };
        let before = 12 + 1 + self.event_type + 1 + 8 + 1 + self.service + 1;
        let (between, said) = body(&plain(&said), before, mark.len(), self.columns);
        let name = format!("{event_type:width$}", width = self.event_type);
        let (name, mark) = if mark.is_empty() {
            (ui::green(&name), mark)
        } else {
            (ui::red(&name), ui::red(&mark))
        };
        let width = self.service;
        text.push_str(&format!(
            "{} {name} {saga:8} {service:width$}{between}{mark}{said}",
            ui::dim(&format!("{time:12}"))
        ));
        text
    }
}

/// The separator after columns of this width, and as much of the body as fits.
fn body(said: &str, before: usize, mark: usize, columns: Option<usize>) -> (String, String) {
    let beside = columns.map(|columns| columns.saturating_sub(before + mark));
    match (beside, columns) {
        (Some(room), Some(columns)) if room < LEAST => {
            let room = columns.saturating_sub(INDENT.len() + mark).max(1);
            (format!("\n{INDENT}"), cut(said, room))
        }
        (Some(room), _) => (" ".to_owned(), cut(said, room)),
        (None, _) => (" ".to_owned(), said.to_owned()),
    }
}

fn death_mark(record: &Record) -> Option<(&'static str, String)> {
    if !record.is_dead_letter() {
        return None;
    }
    let note = NOTES.into_iter().find(|note| {
        record.routing_key.strip_prefix(note).is_some_and(|rest| rest.starts_with('.'))
    });
    let header = |name: &str| text_header(&record.properties, name).map(str::to_owned);
    let of_note = |what| note.and_then(|note| header(&format!("x-{note}-{what}")));
    let by = of_note("by").map(|by| format!("by {by}"));
    let said = [by, of_note("why"), header(DEAD_REASON), header(DEAD_DETAIL)].into_iter().flatten();
    let said: Vec<String> = said.collect();
    Some((note.unwrap_or("DEAD"), said.join(": ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_line_is_wider_than_the_terminal() {
        let said = "x".repeat(300);
        for columns in 76..160 {
            let (between, said) = body(&said, 72, 5, Some(columns));
            let begin = if between.starts_with('\n') { INDENT.len() } else { 72 };
            assert!(begin + 5 + said.chars().count() <= columns, "{columns}: {between:?} {said}");
        }
        assert_eq!(body(&said, 72, 0, None), (" ".to_owned(), said));
    }
}
