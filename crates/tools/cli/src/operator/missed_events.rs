//! The events that services have missed, for commands that send them.

use std::time::Duration;

use anyhow::Result;
use ballet::core::Part;
use ballet::core::envelope::Limits;
use ballet_ops::missed::{self, Consumer, JournalGaps, MissedEvents, Witnesses};
use ballet_ops::redrive::RedriveOptions;
use ballet_ops::terminal::{Cell, Table};
use jiff::Timestamp;
use serde_json::json;

use crate::base::exit::{usage, with_advice};
use crate::base::options::GlobalOptions;
use crate::base::systems::{services, system};
use crate::base::time_or_age::TimeOrAge;
use crate::base::ui::{self, Output};

pub(crate) fn witnesses(since: Timestamp, options: &GlobalOptions) -> Result<Witnesses> {
    let (databases, parts) = (options.databases(&services()?)?, system()?.parts.clone());
    Ok(Witnesses { broker: options.broker()?, databases, parts, since })
}

/// Inboxes do not know ids from before.
pub(crate) fn floor(options: &GlobalOptions) -> Timestamp {
    options.clock.now() - Limits::default().inbox_window
}

/// Returns None if the user stopped it.
pub(crate) async fn search(
    witnesses: &Witnesses,
    consumer: Consumer<'_>,
    options: &RedriveOptions<'_>,
    floor: Timestamp,
    patience: Duration,
) -> Result<Option<MissedEvents>> {
    let mut stopped = options.stop.clone();
    let found = tokio::select! {
        found = missed::search(witnesses, vec![consumer], options, floor, patience) => found,
        _ = stopped.wait_for(|stop| *stop) => {
            ui::say("stopped; nothing was sent");
            return Ok(None);
        }
    };
    Ok(found.map_err(with_advice)?.pop())
}

pub(crate) fn part(service: &str) -> Result<Part> {
    let parts = &system()?.parts;
    match parts.iter().find(|part| part.service == service) {
        Some(part) => Ok(part.clone()),
        None => {
            let known: Vec<&str> = parts.iter().map(|part| part.service).collect();
            let known = known.join(", ");
            Err(usage(format!("there is no contract of {service:?}, only of {known}")))
        }
    }
}

/// The time that an option names, if the inbox still remembers what was handled since then.
pub(crate) fn time_in_memory(
    option: &str,
    since: TimeOrAge,
    floor: Timestamp,
    options: &GlobalOptions,
) -> Result<Timestamp> {
    let since = since.before(options.clock.now())?;
    if since > options.clock.now() {
        return Err(usage(format!("{option} {since} is in the future")));
    }
    if since < floor {
        return Err(usage(format!(
            "{option} {since} is too long ago: the inbox remembers what was handled since {floor}, \
             and of what is older nobody can tell whether it was missed"
        )));
    }
    Ok(since)
}

/// What is unknown of published events, and of what these services missed.
pub(crate) fn warn(all: &[MissedEvents], since: Timestamp) {
    if let Some(missed) = all.first() {
        warn_of_gaps(&missed.gaps, since);
    }
    all.iter().for_each(warn_of_service);
}

fn warn_of_gaps(gaps: &JournalGaps, since: Timestamp) {
    let JournalGaps { begins, unreadable, lost, away } = gaps;
    if let Some(begins) = begins {
        ui::note(&format!(
            "the journal begins at {begins}; of what was published between {since} and then, only ledgers tell"
        ));
    }
    if *lost > 0 {
        ui::note(&format!(
            "the journal lacks at least {} that services have published since {since}: the broker has lost a part of it",
            ui::counted(*lost, "event")
        ));
    }
    for (of, why) in away {
        ui::note(&format!("what only the ledger of {of} has is not seen: {why}"));
    }
    if !unreadable.is_empty() {
        let messages = ui::counted(unreadable.len(), "message");
        ui::note(&format!(
            "{messages} of the journal could not be read: offset {}. RabbitMQ can deliver \
             them to no reader, because of their headers; whether a service missed them is unknown",
            unreadable.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
        ));
    }
}

fn warn_of_service(missed: &MissedEvents) {
    let service = missed.service();
    if !missed.kept_by_nobody.is_empty() {
        let types: Vec<&str> = missed.kept_by_nobody.iter().copied().collect();
        ui::note(&format!(
            "No ledger has {}: which of these {service} has missed with the lost part is unknown",
            types.join(", ")
        ));
    }
    if missed.is_held {
        ui::note(&format!(
            "another program is reading {service}.dead: what was purged from it is not listed, and after a \
             restore it is not noted what persons have discarded since the backup. End it, and do this again"
        ));
    }
    match missed.waiting {
        Some(0) => {}
        Some(waiting) => ui::note(&format!(
            "{} still wait in the queue of {service}, and some of them may be listed here. \
             If they are sent too, the service drops them; --patience waits longer",
            ui::grouped(waiting)
        )),
        None => ui::note(&format!(
            "this user may not know how many messages wait in the queue of {service}. If some \
             of them are listed here and sent too, the service drops them"
        )),
    }
    if missed.too_old > 0 {
        ui::note(&format!(
            "{} have ids that the service refuses as too old, and are left out",
            ui::counted(missed.too_old, "event")
        ));
    }
}

pub(crate) fn show_missed(missed: &MissedEvents, options: &GlobalOptions) {
    let service = missed.service();
    if options.output != Output::Table {
        let rows = missed.events().into_iter().map(|event| {
            json!({ "service": service, "id": event.id.to_string(), "type": event.event_type,
                "saga": event.saga, "unreadable_offset": null })
        });
        let unreadable = missed.gaps.unreadable.iter().map(|offset| {
            json!({ "service": service, "id": null, "type": null, "saga": null,
                "unreadable_offset": offset })
        });
        ui::print_json(options.output, rows.chain(unreadable));
        return;
    }
    let mut table = Table::new(["missed", "event"]);
    for (event_type, count) in missed.by_type() {
        table.row([Cell::from(ui::grouped(count)), Cell::from(event_type)]);
    }
    if !missed.events().is_empty() {
        ui::show(&table);
    }
}
