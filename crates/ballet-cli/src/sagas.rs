//! `ballet sagas`: sagas that do not go on by themselves.

use std::collections::HashSet;

use anyhow::{Context as _, Result};
use ballet::MessageId;
use ballet::core::{Part, Role};
use ballet_ops::redrive::Letter;
use ballet_ops::stuck::{self, Stuck as Noted, What};
use clap::Subcommand;
use jiff::Timestamp;
use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};

use crate::dlq::{browse, line};
use crate::exit::Done;
use crate::place::{Dead, Place};
use crate::ui::{self, Output};

/// The most that is read of one service.
const MOST: u32 = 100_000;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show what could not be done so far, for how long, why, and when it is tried again
    Stuck(Stuck),
}

#[derive(Debug, clap::Args)]
pub(crate) struct Stuck {
    /// Look only here [default: all services that are known]
    #[arg(long, value_name = "NAME")]
    service: Vec<String>,
    /// At most so many, those that wait longest
    #[arg(long, default_value_t = 50, value_name = "N", overrides_with = "limit")]
    limit: usize,
}

/// One reason why a saga does not go on.
#[derive(Debug)]
struct Waiting {
    saga: String,
    service: String,
    step: Option<String>,
    what: Option<String>,
    since: Option<Timestamp>,
    /// When it is tried again by itself.
    next_at: Option<Timestamp>,
    reason: String,
    detail: Option<String>,
    attempts: u64,
}

pub(crate) async fn run(command: Command, place: &Place) -> Result<Done> {
    let Command::Stuck(args) = command;
    let mut all = Vec::new();
    let mut unseen = Vec::new();
    for dead in place.dead(&args.service).await? {
        let mut known = HashSet::new();
        match place.connect(dead.service()).await? {
            Some(db) => {
                let noted = noted(dead.service(), db).await;
                let noted = noted.with_context(|| format!("the database of {}", dead.service()))?;
                all.extend(noted.0);
                known = noted.1;
            }
            None => unseen.push(dead.service().to_owned()),
        }
        letters_of_sagas(&dead, &known, &mut all).await?;
    }
    all.sort_by(|a, b| (a.since, &a.saga).cmp(&(b.since, &b.saga)));
    let whole = all.len();
    all.truncate(args.limit.max(1));
    show(&all, whole, place);
    if !unseen.is_empty() {
        ui::say(&format!(
            "only dead letters are seen of {}: DATABASE_URL says where the rest is",
            unseen.join(", ")
        ));
    }
    Ok(Done::All)
}

fn show(all: &[Waiting], whole: usize, place: &Place) {
    if place.output != Output::Table {
        ui::print_json(place.output, all.iter().map(Waiting::told).collect());
        return;
    }
    if all.is_empty() {
        ui::print("no saga is stuck");
        return;
    }
    let now = place.clock.now();
    let rows = all.iter().map(|waiting| {
        vec![
            waiting.saga.clone(),
            waiting.service.clone(),
            line(waiting.step.as_deref()),
            ui::ago(waiting.since, now),
            line(waiting.what.as_deref()),
            ui::yellow(&line(Some(&waiting.reason))),
            waiting.attempts.to_string(),
            waiting.next_at.map_or_else(
                || "by nobody".to_owned(),
                |at| format!("in {}", ui::ago(Some(now), at)),
            ),
            line(waiting.detail.as_deref()),
        ]
    });
    let header =
        ["saga", "service", "step", "for", "what", "reason", "attempts", "tried again", "detail"];
    ui::print(&ui::table(&header, rows.collect()));
    if whole > all.len() {
        ui::say(&format!("these are {} of {whole}; --limit shows more", all.len()));
    }
    ui::say(
        "what nobody tries again is a dead letter, and waits for: ballet dlq redrive --saga <saga>",
    );
}

impl Waiting {
    fn told(&self) -> Value {
        json!({
            "saga": self.saga, "service": self.service, "step": self.step, "what": self.what,
            "since": self.since.map(|at| at.to_string()),
            "next_at": self.next_at.map(|at| at.to_string()), "reason": self.reason,
            "detail": self.detail, "attempts": self.attempts,
        })
    }
}

/// Those that never came to a handler, and those of a service whose database is not known.
async fn letters_of_sagas(
    dead: &Dead,
    known: &HashSet<MessageId>,
    all: &mut Vec<Waiting>,
) -> Result<()> {
    if dead.held.letters == 0 {
        return Ok(());
    }
    browse(dead, |letter| {
        if !known.contains(&letter.id)
            && let Some(saga) = saga_of(&letter, dead.part.as_ref())
        {
            all.push(Waiting {
                saga,
                service: letter.service,
                step: letter.step,
                what: letter.event_type,
                since: letter.dead_at,
                next_at: None,
                reason: letter.reason,
                detail: letter.detail,
                attempts: letter.attempts,
            });
        }
    })
    .await
}

/// An event outside of sagas may bear a correlation id of its own, and one that begins a saga may
/// bear none.
fn saga_of(letter: &Letter, part: Option<&Part>) -> Option<String> {
    let known = part.map(Part::consumes).unwrap_or_default();
    let event = known.iter().find(|event| Some(event.name()) == letter.event_type.as_deref());
    match event.map(|event| event.role()) {
        Some(Role::Plain) => None,
        Some(Role::StartsSaga) => {
            Some(letter.saga.clone().unwrap_or_else(|| letter.id.to_string()))
        }
        Some(Role::InSaga) | None => letter.saga.clone(),
    }
}

/// What the service itself has noted down, with the messages that it is about.
async fn noted(
    service: &str,
    mut db: PgConnection,
) -> Result<(Vec<Waiting>, HashSet<MessageId>), sqlx::Error> {
    let stuck = stuck::list(&mut db, MOST).await?;
    db.close().await?;
    let (mut waiting, mut messages) = (Vec::new(), HashSet::new());
    for Noted { saga_id, what, handler, reason, detail, attempts, since, next_at } in stuck {
        let what = match what {
            What::Message { message_id, event_type } => {
                messages.insert(message_id);
                event_type
            }
            What::Call { undo: false, .. } => "a call".to_owned(),
            What::Call { undo: true, .. } => "an undo's call".to_owned(),
        };
        let Some(saga) = saga_id else { continue };
        waiting.push(Waiting {
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
    Ok((waiting, messages))
}
