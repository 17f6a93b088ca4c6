//! `ballet inbox waiting`: how much has come to each service and waits, and since when.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use ballet::core::topology::dead_queue;
use ballet_amqp::{FoundObject, Lookup, Object, Session};
use ballet_ops::management::{SOON, VhostManagement};
use ballet_store::process::{Liveness, alive};
use ballet_store::waiting::{self, InboxWaits, WaitingCount};
use ballet_terminal::{Cell, Table};
use jiff::Timestamp;
use serde_json::{Value, json};
use sqlx::Connection;
use tokio::time::sleep;

use crate::base::exit::{ExitStatus, error_text, with_advice};
use crate::base::options::{GlobalOptions, management_url};
use crate::base::systems::services_or_all;
use crate::base::ui::{self, Output};

pub(super) const EXAMPLES: &str = "\
Examples:
  ballet inbox waiting
  ballet inbox waiting -o jsonl | jq 'select(.ready > 1000)'

queue: messages that no process has taken yet. taken: those that a process has taken and not handled; the
management API knows them (RABBITMQ_MANAGEMENT_URL). readers: the processes that read them. retries: messages that
failed and are tried again by themselves. calls: requests to the outside without an answer. dead: dead
letters. It asks the broker (AMQP_URL) and the services' databases (DATABASE_URL with {service} in it),
and changes nothing. Servers that are away, and queues that this user of the broker may not see, are named, and the
rest is listed: exit code 3. The user ops may see all queues.";

/// The number of times that a queue which seems empty is asked.
const ASK: u32 = 3;
const PAUSE: Duration = Duration::from_millis(50);

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Only this service [default: all known services]
    #[arg(long, value_name = "NAME")]
    service: Vec<String>,
    /// RabbitMQ's management API, with user and password [default: RABBITMQ_MANAGEMENT_URL]
    #[arg(long, env = "BALLET_MANAGEMENT_URL", hide_env_values = true, value_name = "URL")]
    management_url: Option<String>,
}

/// The figures of one service. A figure that could not be read is `None`.
struct InboxRow {
    service: String,
    queue: Option<FoundObject>,
    /// The messages that processes have taken and not handled.
    taken: Option<u64>,
    dead: Option<FoundObject>,
    tables: Option<(bool, InboxWaits)>,
}

pub(super) async fn run(args: &Args, options: &GlobalOptions) -> Result<ExitStatus> {
    let known = services_or_all(&args.service)?;
    let mut away = Vec::new();
    let connected = options.broker()?.connect("ballet inbox").await;
    let session = connected.map_err(|error| with_advice(error.into()));
    let session = session.map_err(|error| away.push(error_text(&error))).ok();
    let taken = match &session {
        Some(session) => unacknowledged_counts(args, &session.peer().vhost).await,
        None => Ok(None),
    };
    let taken = taken.unwrap_or_else(|error| {
        away.push(format!("what processes have taken: {}", error_text(&error)));
        None
    });
    let mut rows = Vec::new();
    for service in known {
        let mut queues = [None, None];
        if let Some(session) = &session {
            for (found, name) in queues.iter_mut().zip([service.clone(), dead_queue(&service)]) {
                match find(session, name).await {
                    Ok(queue) => *found = Some(queue),
                    Err(error) => away.push(error_text(&error)),
                }
            }
        }
        let tables = match read(&service, options).await {
            Ok(Some(tables)) => Some(tables),
            Ok(None) => {
                away.push(format!("the database of {service}: DATABASE_URL is not set"));
                None
            }
            Err(error) => {
                away.push(error_text(&error));
                None
            }
        };
        let [queue, dead] = queues;
        let taken = taken.as_ref().and_then(|taken| taken.get(&service).copied());
        rows.push(InboxRow { service, queue, taken, dead, tables });
    }
    if let Some(session) = session {
        session.close().await;
    }
    show(&rows, options);
    Ok(ExitStatus::listed_without(&away))
}

/// The number of unacknowledged messages of each queue, if the management API is named. AMQP does not tell it.
async fn unacknowledged_counts(args: &Args, vhost: &str) -> Result<Option<BTreeMap<String, u64>>> {
    let Some(address) = management_url(args.management_url.as_ref()) else { return Ok(None) };
    let queues = VhostManagement::within(SOON, &address, vhost)?.queues().await?;
    let count = |queue: &Value| {
        let name = queue["name"].as_str()?.to_owned();
        Some((name, queue["messages_unacknowledged"].as_u64()?))
    };
    Ok(Some(queues.iter().filter_map(count).collect()))
}

/// RabbitMQ reports a quorum queue as empty and without readers if it cannot find out within 250 ms, so such a queue is
/// asked again.
async fn find(session: &Arc<dyn Session>, name: String) -> Result<FoundObject> {
    let queue = Object::Queue(name.clone());
    let mut asked = 0;
    loop {
        let found = session.find(&queue).await.and_then(Lookup::seen);
        let found = found.with_context(|| format!("the queue {name}"))?.with_context(|| {
            format!("there is no queue {name}: `ballet topology apply` makes it")
        })?;
        asked += 1;
        if asked == ASK || found.messages > 0 || found.consumers > 0 {
            return Ok(found);
        }
        sleep(PAUSE).await;
    }
}

/// Reads whether a process is alive, and the waits in the tables.
async fn read(service: &str, options: &GlobalOptions) -> Result<Option<(bool, InboxWaits)>> {
    let Some(mut db) = options.connect(service).await? else { return Ok(None) };
    let read = async {
        let is_alive = alive(&mut db).await? == Liveness::Yes;
        let waits = waiting::inbox(&mut db).await?;
        db.close().await?;
        Ok::<_, sqlx::Error>((is_alive, waits))
    };
    Ok(Some(read.await.with_context(|| format!("the database of {service}"))?))
}

fn show(rows: &[InboxRow], options: &GlobalOptions) {
    let waits = |row: &InboxRow| row.tables.map(|(_, waits)| waits);
    if options.output != Output::Table {
        let row = |row: &InboxRow| -> Value {
            let at = |line: fn(&InboxWaits) -> Option<Timestamp>| {
                waits(row).as_ref().and_then(line).map(|at| at.to_string())
            };
            json!({
                "service": row.service,
                "ready": row.queue.map(|queue| queue.messages),
                "taken": row.taken,
                "readers": row.queue.map(|queue| queue.consumers),
                "alive": row.tables.map(|(is_alive, _)| is_alive),
                "retries": waits(row).map(|waits| waits.retries.count),
                "retries_since": at(|waits| waits.retries.since),
                "next_at": at(|waits| waits.next_at),
                "calls": waits(row).map(|waits| waits.calls.count),
                "calls_since": at(|waits| waits.calls.since),
                "dead": row.dead.map(|dead| dead.messages),
            })
        };
        ui::print_json(options.output, rows.iter().map(row));
        return;
    }
    let now = options.clock.now();
    let header = [
        "service",
        "queue",
        "taken",
        "readers",
        "retries",
        "for",
        "next attempt",
        "calls",
        "for",
        "dead",
    ];
    let mut table = Table::new(header).right([1, 2, 3, 4, 7, 9]);
    for row in rows {
        let count = |count: Option<u64>| Cell::from(count.map(ui::grouped));
        let line = |line: fn(&InboxWaits) -> WaitingCount| {
            let line = waits(row).as_ref().map(line);
            let age = line.and_then(|line| line.since).map(|at| ui::ago(Some(at), now));
            (count(line.map(|line| line.count)), Cell::from(age))
        };
        let next = waits(row).and_then(|waits| waits.next_at);
        let (retries, retries_for) = line(|waits| waits.retries);
        let (calls, calls_for) = line(|waits| waits.calls);
        table.row([
            Cell::from(&row.service),
            count(row.queue.map(|queue| queue.messages.into())),
            count(row.taken),
            count(row.queue.map(|queue| queue.consumers.into())),
            retries,
            retries_for,
            Cell::from(next.map(|at| format!("in {}", ui::ago(Some(now), at)))),
            calls,
            calls_for,
            count(row.dead.map(|dead| dead.messages.into())),
        ]);
    }
    if !rows.is_empty() {
        ui::show(&table);
    }
    for row in rows {
        if row.tables.is_some_and(|(is_alive, _)| !is_alive) {
            ui::say(&format!("no process of {} is alive", row.service));
        }
    }
}
