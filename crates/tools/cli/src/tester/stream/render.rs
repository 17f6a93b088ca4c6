//! One event on one line, for people.

use ballet::core::id::short;
use ballet::core::topology::{EVENTS, NOTES};
use ballet_amqp::headers::{DEAD_DETAIL, DEAD_REASON, text_header};
use ballet_ops::stream::Record;
use ballet_ops::terminal::{columns, cut, plain};

use crate::base::ui;

/// In UTC: `10:03:04.123`.
const TIME: &str = "%H:%M:%S%.3f";
const DAY: &str = "%Y-%m-%d";
/// The columns of a usual line before the body, and some of the body.
const LEAST: usize = 96;

/// Writes events below each other in columns.
#[derive(Default)]
pub(crate) struct EventPrinter {
    day: String,
}

impl EventPrinter {
    /// The event's line, below one with the day if the day has changed. On a terminal the body is cut.
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
        let (mark, said) = match death_mark(record) {
            Some((mark, why)) => (format!("{mark} "), why),
            None => (String::new(), record.text().into_owned()),
        };
        let said = plain(&said);
        let name = format!("{event_type:36}");
        let (name, mark) = if mark.is_empty() {
            (ui::green(&name), mark)
        } else {
            (ui::red(&name), ui::red(&mark))
        };
        let time = ui::dim(&format!("{time:12}"));
        let line = format!("{time} {name} {saga:8} {service:12} {mark}{said}");
        let room = columns().map_or(usize::MAX, |columns| columns.max(LEAST));
        text.push_str(&cut(&line, room));
        text
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
