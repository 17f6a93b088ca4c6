//! `ballet sagas`: lists the sagas that are stuck, and why.

use std::collections::HashSet;

use anyhow::{Context as _, Result};
use ballet::MessageId;
use ballet::core::{Part, Role};
use ballet_ops::outbox::{self, Filter, Unpublished};
use ballet_ops::redrive::DeadLetter;
use ballet_ops::stuck::{self, Stuck as Noted, What};
use clap::Subcommand;
use jiff::Timestamp;
use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};

use crate::dead_letters::{self, ServiceQueue};
use crate::exit::Done;
use crate::options::GlobalOptions;
use crate::ui::{self, Output, cell};

/// The most entries that are read of one service.
const MOST: u32 = 100_000;
/// The reason of a saga whose next event its service could not publish.
const UNPUBLISHABLE: &str = "unpublishable";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List the sagas that wait because something failed, with the reason and the next attempt
    Stuck(Stuck),
}

#[derive(Debug, clap::Args)]
pub(crate) struct Stuck {
    /// Only this service [default: all known services]
    #[arg(long, value_name = "NAME")]
    service: Vec<String>,
    /// Show at most this many, those that have waited longest
    #[arg(long, default_value_t = 50, value_name = "N", overrides_with = "limit")]
    limit: usize,
}

/// A reason why a saga is stuck.
#[derive(Debug)]
struct Waiting {
    saga: String,
    service: String,
    step: Option<String>,
    what: Option<String>,
    since: Option<Timestamp>,
    /// The next attempt, if there is one.
    next_at: Option<Timestamp>,
    reason: String,
    detail: Option<String>,
    attempts: u64,
}

pub(crate) async fn run(command: Command, options: &GlobalOptions) -> Result<Done> {
    let Command::Stuck(args) = command;
    let mut all = Vec::new();
    let mut without_database = Vec::new();
    let mut more_unpublished = 0;
    for queue in dead_letters::open(options, &args.service).await? {
        let mut known = HashSet::new();
        match options.connect(queue.service()).await? {
            Some(db) => {
                let noted = noted(queue.service(), db, args.limit.max(1)).await;
                let noted =
                    noted.with_context(|| format!("the database of {}", queue.service()))?;
                all.extend(noted.waiting);
                more_unpublished += noted.more_unpublished;
                known = noted.messages;
            }
            None => without_database.push(queue.service().to_owned()),
        }
        add_dead_letters(&queue, &known, &mut all).await?;
    }
    all.sort_by(|a, b| (a.since, &a.saga).cmp(&(b.since, &b.saga)));
    let whole = all.len();
    all.truncate(args.limit.max(1));
    show(&all, whole, options);
    if more_unpublished > 0 {
        ui::say(&format!(
            "events that can never be published, besides these: {more_unpublished} (ballet outbox \
             list)"
        ));
    }
    if !without_database.is_empty() {
        ui::say(&format!(
            "of {} only dead letters are listed: set DATABASE_URL for the rest",
            without_database.join(", ")
        ));
    }
    Ok(Done::All)
}

fn show(all: &[Waiting], whole: usize, options: &GlobalOptions) {
    if options.output != Output::Table {
        ui::print_json(options.output, all.iter().map(Waiting::json).collect());
        return;
    }
    if all.is_empty() {
        ui::print("no saga is stuck");
        return;
    }
    let now = options.clock.now();
    let rows = all.iter().map(|waiting| {
        vec![
            waiting.saga.clone(),
            waiting.service.clone(),
            cell(waiting.step.as_deref()),
            ui::ago(waiting.since, now),
            cell(waiting.what.as_deref()),
            ui::yellow(&cell(Some(&waiting.reason))),
            waiting.attempts.to_string(),
            waiting
                .next_at
                .map_or_else(|| "none".to_owned(), |at| format!("in {}", ui::ago(Some(now), at))),
            cell(waiting.detail.as_deref()),
        ]
    });
    let header =
        ["saga", "service", "step", "for", "what", "reason", "attempts", "next attempt", "detail"];
    ui::print(&ui::table(&header, rows.collect()));
    if whole > all.len() {
        ui::say(&format!("{} of {whole} are shown; --limit shows more", all.len()));
    }
    if all.iter().any(|waiting| waiting.reason == UNPUBLISHABLE) {
        ui::say(
            "unpublishable: when the cause is mended, publish the event again: ballet outbox retry \
             --saga <saga>",
        );
    }
    if all.iter().any(|waiting| waiting.next_at.is_none() && waiting.reason != UNPUBLISHABLE) {
        ui::say(
            "without a next attempt it is a dead letter; send it back: ballet dlq redrive --saga \
             <saga>",
        );
    }
}

impl Waiting {
    fn json(&self) -> Value {
        json!({
            "saga": self.saga, "service": self.service, "step": self.step, "what": self.what,
            "since": self.since.map(|at| at.to_string()),
            "next_at": self.next_at.map(|at| at.to_string()), "reason": self.reason,
            "detail": self.detail, "attempts": self.attempts,
        })
    }
}

/// Adds the dead letters that are not in the service's own list: those that reached no handler, and
/// all of a service whose database is not known.
async fn add_dead_letters(
    queue: &ServiceQueue,
    known: &HashSet<MessageId>,
    all: &mut Vec<Waiting>,
) -> Result<()> {
    if queue.status.dead_letters == 0 {
        return Ok(());
    }
    let add = |dead_letter: DeadLetter| {
        if !known.contains(&dead_letter.id)
            && let Some(saga) = saga_of(&dead_letter, queue.part.as_ref())
        {
            all.push(Waiting {
                saga,
                service: dead_letter.service,
                step: dead_letter.step,
                what: dead_letter.event_type,
                since: dead_letter.dead_at,
                next_at: None,
                reason: dead_letter.reason,
                detail: dead_letter.detail,
                attempts: dead_letter.attempts,
            });
        }
    };
    queue.browse(add).await
}

/// The saga of a dead letter. An event outside of sagas may have a correlation id of its own, and one
/// that starts a saga may have none.
fn saga_of(dead_letter: &DeadLetter, part: Option<&Part>) -> Option<String> {
    let known = part.map(Part::consumes).unwrap_or_default();
    let event = known.iter().find(|event| Some(event.name()) == dead_letter.event_type.as_deref());
    match event.map(|event| event.role()) {
        Some(Role::Plain) => None,
        Some(Role::StartsSaga) => {
            Some(dead_letter.saga.clone().unwrap_or_else(|| dead_letter.id.to_string()))
        }
        Some(Role::InSaga) | None => dead_letter.saga.clone(),
    }
}

/// What waits in one service, from its database.
#[derive(Debug, Default)]
struct OfService {
    waiting: Vec<Waiting>,
    /// The messages concerned.
    messages: HashSet<MessageId>,
    /// The further events that it could not publish: those that no saga waits for, and those beyond
    /// the limit.
    more_unpublished: usize,
}

/// At most `limit` of the events that it could not publish: they come with their bodies.
async fn noted(
    service: &str,
    mut db: PgConnection,
    limit: usize,
) -> Result<OfService, sqlx::Error> {
    let stuck = stuck::list(&mut db, MOST).await?;
    let limit = u32::try_from(limit).unwrap_or(MOST);
    let unpublished = outbox::list(&mut db, &Filter::default(), limit).await?;
    let whole = outbox::count(&mut db, &Filter::default()).await?;
    db.close().await?;
    let mut noted = OfService::default();
    for Noted { saga_id, what, handler, reason, detail, attempts, since, next_at } in stuck {
        let what = match what {
            What::Message { message_id, event_type } => {
                noted.messages.insert(message_id);
                event_type
            }
            What::Call { undo: false, .. } => "a call".to_owned(),
            What::Call { undo: true, .. } => "an undo's call".to_owned(),
        };
        let Some(saga) = saga_id else { continue };
        noted.waiting.push(Waiting {
            saga: saga.to_string(),
            service: service.to_owned(),
            step: Some(handler),
            what: Some(what),
            since: Some(since),
            next_at,
            reason,
            detail: Some(detail),
            attempts: u64::from(attempts),
        });
    }
    let mut listed = 0;
    for Unpublished { saga_id, event_type, created_at, reason, .. } in unpublished {
        let Some(saga) = saga_id else { continue };
        listed += 1;
        noted.waiting.push(Waiting {
            saga: saga.to_string(),
            service: service.to_owned(),
            step: None,
            what: event_type,
            since: Some(created_at),
            next_at: None,
            reason: UNPUBLISHABLE.to_owned(),
            detail: Some(reason),
            attempts: 0,
        });
    }
    noted.more_unpublished = usize::try_from(whole).unwrap_or_default().saturating_sub(listed);
    Ok(noted)
}
