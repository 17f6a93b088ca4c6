//! Which dead letters a command is about.

use std::collections::BTreeSet;

use anyhow::Result;
use ballet::MessageId;
use ballet::core::envelope::Limits;
use ballet_ops::redrive::{Choice, DeadLetters, Letter, Note, Plan, Progress, Sending, Stop};
use clap::Args;
use jiff::{SignedDuration, Span, SpanRelativeTo, Timestamp};
use sqlx::Connection;
use tokio::sync::watch;

use crate::exit::usage;
use crate::place::{Dead, Place};
use crate::ui;

/// Which letters are meant: those to which all that is given applies.
#[derive(Debug, Args)]
pub(crate) struct Chosen {
    /// Only those of this service [default: all that are known]
    #[arg(long, value_name = "NAME", help_heading = "Which")]
    pub(crate) service: Vec<String>,
    /// Only those with this reason
    #[arg(long, help_heading = "Which")]
    reason: Option<String>,
    /// Only those that failed in this step
    #[arg(long, help_heading = "Which")]
    step: Option<String>,
    /// Only events of this type
    #[arg(long = "type", value_name = "EVENT", help_heading = "Which")]
    event_type: Option<String>,
    /// Only those with this message id; its end is enough
    #[arg(long, value_name = "ID", help_heading = "Which")]
    pub(crate) id: Vec<String>,
    /// Only those of this saga
    #[arg(long, value_name = "ID", help_heading = "Which")]
    saga: Option<String>,
    /// Only those that died longer ago than this: `90s`, `30min`, `2h`, `7d`
    #[arg(long, value_name = "AGE", value_parser = age, help_heading = "Which")]
    older_than: Option<SignedDuration>,
    /// Only those that died less long ago than this
    #[arg(long, value_name = "AGE", value_parser = age, help_heading = "Which")]
    newer_than: Option<SignedDuration>,
}

impl Chosen {
    pub(crate) fn choice(&self, now: Timestamp) -> Choice {
        Choice {
            reason: self.reason.clone(),
            step: self.step.clone(),
            event_type: self.event_type.clone(),
            ids: self.id.clone(),
            saga: self.saga.clone(),
            before: self.older_than.map(|age| now - age),
            after: self.newer_than.map(|age| now - age),
        }
    }

    /// Whether anything is said about the letters.
    fn says_which(&self) -> bool {
        let Self { service: _, reason, step, event_type, id, saga, older_than, newer_than } = self;
        [reason, step, event_type, saga].iter().any(|said| said.is_some())
            || !id.is_empty()
            || older_than.is_some()
            || newer_than.is_some()
    }

    /// Asks which ones, unless that is said: what cannot be taken back is not done to all letters
    /// by an oversight.
    pub(crate) fn says_which_or(&self, all: bool) -> Result<()> {
        if all || self.says_which() {
            return Ok(());
        }
        Err(usage(
            "which ones? Say it with --id, --reason, --step, --type, --saga, --older-than or \
             --newer-than, or give --all; `ballet dlq groups` shows what there is",
        ))
    }
}

/// An age as people write it.
fn age(text: &str) -> Result<SignedDuration, String> {
    let span = text.parse::<Span>().map_err(|error| error.to_string())?;
    let age = span.to_duration(SpanRelativeTo::days_are_24_hours());
    let age = age.map_err(|error| error.to_string())?;
    if age.is_negative() { Err("an age is not negative".to_owned()) } else { Ok(age) }
}

/// Who does something, and why.
#[derive(Debug, Args)]
pub(crate) struct Signed {
    /// Who does it [default: you, on this machine]
    #[arg(long, env = "BALLET_OPERATOR", value_name = "NAME", help_heading = "Record")]
    by: Option<String>,
    /// Why it is done
    #[arg(long, value_name = "TEXT", help_heading = "Record")]
    why: Option<String>,
}

impl Signed {
    pub(crate) fn sending<'a>(
        &self,
        place: &Place,
        stop: Stop,
        progress: Progress<'a>,
    ) -> Sending<'a> {
        let at = place.clock.now();
        let note = Note { by: self.by.clone().unwrap_or_else(you), why: self.why.clone(), at };
        let run = place.clock.new_id(at);
        Sending { note, run, rate: None, beyond_memory: false, stop, progress }
    }
}

fn you() -> String {
    let user = std::env::var("USER").or_else(|_| std::env::var("LOGNAME"));
    let host = std::fs::read_to_string("/etc/hostname").unwrap_or_default();
    let user = user.unwrap_or_else(|_| "somebody".to_owned());
    match host.trim() {
        "" => user,
        host => format!("{user}@{host}"),
    }
}

/// What is planned for one service.
pub(crate) struct Planned {
    pub(crate) dead: Dead,
    pub(crate) plan: Plan,
}

/// Reads the queues, and notes down which letters are meant.
pub(crate) async fn plans(chosen: &Chosen, place: &Place) -> Result<Vec<Planned>> {
    let now = place.clock.now();
    let floor = now - Limits::default().inbox_window;
    let mut planned = Vec::new();
    for dead in place.dead(&chosen.service).await? {
        warn_of_readers(&dead);
        if dead.held.letters == 0 {
            continue;
        }
        let plan = dead.letters.plan(chosen.choice(now), dead.part.clone(), floor).await?;
        if plan.letters() > 0 {
            planned.push(Planned { dead, plan });
        }
    }
    Ok(planned)
}

/// The one message that an id, or the end of one, stands for; its copies are letters of their own.
pub(crate) async fn one(id: &str, service: &[String], place: &Place) -> Result<Vec<Letter>> {
    let choice = Choice { ids: vec![id.to_owned()], ..Choice::default() };
    let mut found = Vec::new();
    for dead in place.dead(service).await? {
        warn_of_readers(&dead);
        let take = |letter: Letter| {
            if choice.takes(&letter) {
                found.push(letter);
            }
        };
        dead.letters.browse(take).await?;
    }
    let ids: BTreeSet<_> = found.iter().map(|letter| letter.id).collect();
    match ids.len() {
        0 => Err(usage(format!("there is no dead letter whose id ends with {id:?}"))),
        1 => Ok(found),
        _ => {
            let ids: Vec<String> = ids.iter().take(5).map(ToString::to_string).collect();
            let ids = ids.join(", ");
            Err(usage(format!("{id:?} stands for several messages, give more of it: {ids}")))
        }
    }
}

/// The letters of one message in each service that has some.
pub(crate) fn services_of(letters: &[Letter]) -> BTreeSet<&str> {
    letters.iter().map(|letter| letter.service.as_str()).collect()
}

pub(crate) fn warn_of_readers(dead: &Dead) {
    if dead.held.readers > 0 {
        ui::say(&format!(
            "{} somebody else is reading {}.dead; what they hold is not seen here",
            ui::bad("note:"),
            dead.service()
        ));
    }
}

/// Reads one service's letters under a bar.
pub(crate) async fn browse(dead: &Dead, mut each: impl FnMut(Letter)) -> Result<()> {
    let letters: &DeadLetters = &dead.letters;
    let progress =
        ui::Progress::new(&format!("reading {}.dead", dead.service()), dead.held.letters);
    let mut seen = 0;
    letters
        .browse(|letter| {
            seen += 1;
            if seen % 500 == 0 {
                progress.show(seen);
            }
            each(letter);
        })
        .await?;
    Ok(())
}

/// Takes messages that will not come any more off the list of what is stuck.
pub(crate) async fn forget(place: &Place, service: &str, gone: &[MessageId]) -> Result<()> {
    if gone.is_empty() {
        return Ok(());
    }
    let Some(mut db) = place.connect(service).await? else {
        ui::say(&format!(
            "they may still stand in the list of what is stuck in {service}: with DATABASE_URL \
             they are taken off"
        ));
        return Ok(());
    };
    ballet_ops::stuck::forget(&mut db, gone).await?;
    Ok(db.close().await?)
}

/// Becomes true with Ctrl-C; a second one ends the command at once.
pub(crate) fn stop_on_ctrl_c() -> Stop {
    let (sender, stop) = watch::channel(false);
    tokio::spawn(async move {
        while tokio::signal::ctrl_c().await.is_ok() {
            if sender.send_replace(true) {
                std::process::exit(130);
            }
            ui::say("stopping; what is on its way is waited for (Ctrl-C again: not even that)");
        }
    });
    stop
}
