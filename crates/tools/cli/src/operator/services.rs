//! `ballet services`: the processes of each service, and what waits in it.

use anyhow::Result;
use ballet_ops::standing::figures::{ServiceFigures, figures};
use ballet_ops::terminal::{Cell, Table};
use ballet_store::process::{Replicas, UnreadyProcess};
use ballet_store::waiting::WaitingCount;
use serde_json::{Value, json};

use crate::base::exit::ExitStatus;
use crate::base::options::GlobalOptions;
use crate::base::systems::services;
use crate::base::ui;

pub(crate) async fn run(options: &GlobalOptions) -> Result<ExitStatus> {
    let databases = options.databases(&services()?)?;
    let (mut all, mut away) = (Vec::new(), Vec::new());
    for (service, found) in figures(&databases).await {
        match found {
            Ok(figures) => all.push((service, figures)),
            Err(why) => away.push(format!("the database of {service}: {why}")),
        }
    }
    let header =
        ["service", "processes", "not ready", "to publish", "retries", "calls", "copies behind"];
    let table = Table::new(header).right([1, 2, 3, 4, 5, 6]);
    let none = if away.is_empty() { "there is no service" } else { "no service can be read" };
    ui::list(options.output, &all, as_json, none, table, cells);
    Ok(ExitStatus::listed_without(&away))
}

fn cells((service, figures): &(String, ServiceFigures)) -> [Cell; 7] {
    let ServiceFigures { replicas, unready, outbox, inbox, copies, .. } = figures;
    let processes = replicas.iter().map(|of| of.count).sum::<u64>();
    let behind = copies.iter().filter_map(|(_, behind)| *behind).sum::<i64>();
    [
        Cell::from(service),
        Cell::from(ui::grouped(processes)),
        Cell::from(ui::grouped(unready.len() as u64)),
        Cell::from(ui::grouped(outbox.events.count)),
        Cell::from(ui::grouped(inbox.retries.count)),
        Cell::from(ui::grouped(inbox.calls.count)),
        Cell::from(ui::grouped(behind.unsigned_abs())),
    ]
}

fn as_json((service, figures): &(String, ServiceFigures)) -> Value {
    let waits = |waits: &WaitingCount| json!({ "count": waits.count, "since": waits.since.map(|at| at.to_string()) });
    let ServiceFigures { replicas, unready, outbox, inbox, copies, readers } = figures;
    let processes = |of: &Replicas| json!({ "version": of.version, "count": of.count });
    let not_ready =
        |one: &UnreadyProcess| json!({ "process": one.process, "why": one.why.to_string() });
    json!({
        "service": service,
        "processes": replicas.iter().map(processes).collect::<Vec<_>>(),
        "not_ready": unready.iter().map(not_ready).collect::<Vec<_>>(),
        "outbox": {
            "events": waits(&outbox.events),
            "unpublishable": waits(&outbox.unpublishable),
        },
        "inbox": { "retries": waits(&inbox.retries), "calls": waits(&inbox.calls) },
        "copies": copies.iter()
            .map(|(copy, behind)| json!({ "entity": copy.entity, "owner": copy.owner, "behind": behind }))
            .collect::<Vec<_>>(),
        "telemetry": readers.iter()
            .map(|one| json!({ "reader": one.reader, "stream": one.stream, "behind": one.behind() }))
            .collect::<Vec<_>>(),
    })
}
