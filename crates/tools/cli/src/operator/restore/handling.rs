//! Waits until a restored service has handled what it got.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use ballet::core::{MessageId, Part};
use ballet_amqp::Broker;
use ballet_ops::missed::{MissedEvent, MissedEvents};
use ballet_ops::redrive::{PendingRetries, Stop};
use ballet_ops::restored;
use ballet_store::calls::open::sagas_answered_soon;
use ballet_store::inbox::stuck::{self, StuckKind};
use ballet_store::ledger::recorded_rows::{SagaSelection, of_sagas};
use ballet_store::operators::restored_database::held_until;
use ballet_store::process::{Liveness, alive};
use jiff::Timestamp;
use sqlx::PgConnection;
use tokio::time::Instant;
use uuid::Uuid;

use crate::base::exit::with_advice;
use crate::base::options::GlobalOptions;
use crate::base::ui;
use crate::operator::restore::Args;
use crate::operator::restore::hold::hold;

const EVERY: Duration = Duration::from_secs(1);
/// The hold on aborts lasts for an hour, and is renewed this often.
const RENEW: Duration = Duration::from_mins(5);
/// Failures beyond this number are not read.
const MOST_STUCK: u32 = 10_000;

pub(super) struct HandlingWatch<'a> {
    part: &'a Part,
    missed: &'a MissedEvents,
    /// Their calls to the outside are repeated. Those of new sagas come and go, and do not count.
    sagas: BTreeSet<Uuid>,
    broker: &'a Arc<dyn Broker>,
    args: &'a Args,
    stop: &'a Stop,
    backup: Timestamp,
}

impl<'a> HandlingWatch<'a> {
    /// For a service that is not started yet.
    pub(super) async fn new(
        part: &'a Part,
        missed: &'a MissedEvents,
        broker: &'a Arc<dyn Broker>,
        args: &'a Args,
        stop: &'a Stop,
        backup: Timestamp,
        db: &mut PgConnection,
    ) -> Result<Self> {
        let mut sagas = sagas_answered_soon(db).await?;
        // An event that begins a saga may lack its id.
        let saga = |event: &MissedEvent| match &event.saga {
            Some(saga) => saga.parse().ok(),
            None => Some(event.id.0),
        };
        sagas.extend(missed.events().into_iter().filter_map(saga));
        Ok(Self { part, missed, sagas, broker, args, stop, backup })
    }

    /// The service holds back aborts. Returns false if they have to wait for the rest.
    pub(super) async fn wait_for_all_but_aborts(
        &self,
        db: &mut PgConnection,
        longest: Duration,
    ) -> Result<bool> {
        let held_back = restored::held_back(self.part);
        let counts = |event: &MissedEvent| !held_back.contains(&*event.event_type);
        let left = self.wait(db, counts, true, longest).await?;
        let Some(left) = left else {
            let service = self.part.service;
            ui::note(&format!(
                "{service} no longer puts aborts off: it was not started within an hour, or somebody has \
                 ended that. Stop it, and run the same command again"
            ));
            return Ok(false);
        };
        // A call answered after the abort is compensated then.
        if left.is_nothing() || (left.messages == 0 && !*self.stop.borrow()) {
            return Ok(true);
        }
        let aborts = match held_until(db).await? {
            Some(until) => format!(". It puts aborts off until {until:.0}"),
            None => {
                ". It puts aborts off no longer: stop it, and run the same command again".to_owned()
            }
        };
        self.tell(db, left, &aborts).await?;
        Ok(false)
    }

    /// Sends what the service has put off.
    pub(super) async fn hurry(&self, options: &GlobalOptions) -> Result<()> {
        if self.missed.events().is_empty() {
            return Ok(());
        }
        let waiting =
            PendingRetries { service: self.part.service.to_owned(), ..PendingRetries::default() };
        let hurry = self.args.sending.redrive_options(options, self.stop.clone(), &|_| {});
        let hurried = waiting.hurry(self.broker, &hurry).await;
        hurried.map(drop).map_err(with_advice)
    }

    /// Returns false if they were not handled in time.
    pub(super) async fn wait_for_all(
        &self,
        db: &mut PgConnection,
        longest: Duration,
    ) -> Result<bool> {
        let Some(left) = self.wait(db, |_| true, false, longest).await? else { return Ok(false) };
        if !left.is_nothing() {
            self.tell(db, left, "").await?;
        }
        // The comparison names a saga that waits for a call, if it differs.
        Ok(left.messages == 0)
    }

    async fn tell(&self, db: &mut PgConnection, left: OpenWork, aborts: &str) -> Result<()> {
        let OpenWork { messages, calls } = left;
        ui::note(&format!(
            "{} has {messages} of these events to handle, and {} with a call to the outside without \
             an answer{}{aborts}. Once that is done, compare with --check",
            self.part.service,
            ui::counted(calls, "saga"),
            failing(db).await?
        ));
        Ok(())
    }

    /// Returns the rest if the service does not start within `longest`, makes no progress for too long, or the user
    /// stops. While this waits for all but the aborts, it renews their hold. None means that the hold ended while the
    /// service ran.
    async fn wait(
        &self,
        db: &mut PgConnection,
        counts: impl Fn(&MissedEvent) -> bool,
        are_aborts_put_off: bool,
        longest: Duration,
    ) -> Result<Option<OpenWork>> {
        let Self { part, missed, stop, .. } = self;
        let wanted = missed.events().into_iter().filter(|event| counts(event));
        let ids: HashSet<MessageId> = wanted.map(|event| event.id).collect();
        let whole = ids.len() as u64;
        let progress = ui::Progress::new(&format!("{} handles them", part.service), whole);
        let (mut has_started, mut before, mut news) = (false, None, Instant::now());
        let mut without_saga = HashSet::new();
        let mut renewed: Option<Instant> = None;
        loop {
            // A starting service makes no progress.
            if !has_started && alive(db).await? == Liveness::Yes {
                (has_started, news) = (true, Instant::now());
            }
            let counts = |event: &MissedEvent| counts(event) && !without_saga.contains(&event.id);
            let messages = missed.left_of(db, counts).await.map_err(with_advice)?;
            let open = sagas_answered_soon(db).await?;
            let calls = self.sagas.intersection(&open).count() as u64;
            progress.show(whole.saturating_sub(messages));
            let left = OpenWork { messages, calls };
            // Afterwards, so that the look was made while aborts were put off.
            if has_started && are_aborts_put_off {
                if held_until(db).await?.is_none() {
                    return Ok(None);
                }
                // The service may have started late, and work for longer than an hour.
                if renewed.is_none_or(|at| at.elapsed() > RENEW) {
                    hold(db, self.backup).await?;
                    renewed = Some(Instant::now());
                }
            }
            let mut still = HashSet::new();
            if are_aborts_put_off {
                still = put_off_without_saga(db, part).await?;
                still.retain(|id| ids.contains(id));
            }
            if before != Some(left) || still != without_saga {
                (before, without_saga, news) = (Some(left), still, Instant::now());
            } else if left.is_nothing() {
                return Ok(Some(left));
            }
            let patience =
                if has_started { Duration::from_secs(self.args.patience) } else { longest };
            if news.elapsed() > patience || *stop.borrow() {
                return Ok(Some(left));
            }
            tokio::time::sleep(EVERY).await;
        }
    }
}

/// An owner puts off messages of unknown sagas together with aborts. What they build on is missing, or the owner would
/// refuse them.
async fn put_off_without_saga(db: &mut PgConnection, part: &Part) -> Result<HashSet<MessageId>> {
    let after_the_beginning = restored::after_the_beginning(part);
    if after_the_beginning.is_empty() {
        return Ok(HashSet::new());
    }
    let mut put_off = HashMap::new();
    for stuck in stuck::list(db, MOST_STUCK).await? {
        // A step may wait for another event for its own reasons.
        if let (StuckKind::Message { message_id, event_type }, Some(saga)) =
            (stuck.what, stuck.saga_id)
            && stuck.reason == "not_yet"
            && after_the_beginning.contains(&*event_type)
        {
            put_off.insert(message_id, saga.0);
        }
    }
    let sagas: Vec<Uuid> = put_off.values().copied().collect();
    let rows = of_sagas(db, SagaSelection::These(&sagas)).await?;
    let known: HashSet<Uuid> = rows.into_iter().map(|(saga, _)| saga).collect();
    put_off.retain(|_, saga| !known.contains(saga));
    Ok(put_off.into_keys().collect())
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct OpenWork {
    messages: u64,
    /// The sagas with calls to the outside that are still to be answered.
    calls: u64,
}

impl OpenWork {
    const fn is_nothing(self) -> bool {
        self.messages == 0 && self.calls == 0
    }
}

/// Why the service does not handle what failed.
async fn failing(db: &mut PgConnection) -> Result<String> {
    let stuck = stuck::list(db, 1_000).await?;
    let again = stuck.iter().filter_map(|one| Some((one.next_at?, &one.detail))).min();
    let again = again.map_or_else(String::new, |(next, why)| {
        format!(
            ". What failed is tried again, next at {next:.0}: {}",
            ballet_ops::terminal::plain(why)
        )
    });
    let dead = stuck.iter().filter(|one| one.next_at.is_none()).count();
    let dead = match dead {
        0 => String::new(),
        dead => format!(". {dead} are dead letters: mend the cause, and `ballet dlq redrive` them"),
    };
    Ok(again + &dead)
}
