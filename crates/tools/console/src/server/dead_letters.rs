//! Reads the dead letters with the functions of the command. During a read nobody else sees them, so one request reads
//! and the others wait for its result.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use ballet_core::topology::UNROUTED;
use ballet_ops::redrive::{DeadLetter, DeadLetterGroups, GroupKey, RedriveError};
use futures_util::future::join_all;

use crate::actions::action_context::ActionContext;
use crate::pages::letter::{Letter, LetterGroup, ServiceLetters};
use crate::server::timed_value::TimedValue;

/// The time for which a read is shown.
const FRESH: Duration = Duration::from_secs(3);
/// The most listed dead letters of a group.
const LISTED: usize = 20;
/// The most bytes of a body that are shown.
const MOST_SHOWN: usize = 256 * 1024;

/// Reads the dead letters of all services, and the events that no binding took.
#[derive(Debug)]
pub(crate) struct DeadLetterReader {
    context: ActionContext,
    services: Vec<&'static str>,
    read: TimedValue<Vec<ServiceLetters>>,
}

impl DeadLetterReader {
    pub(crate) fn new(context: ActionContext) -> Self {
        let mut services = context.contract_index.services();
        services.push(UNROUTED);
        Self { context, services, read: TimedValue::new(FRESH) }
    }

    /// Returns the dead letters of all services, at most some seconds old.
    pub(crate) async fn all(&self) -> Arc<Vec<ServiceLetters>> {
        self.read.or_find(join_all(self.services.iter().map(|service| self.of(service)))).await
    }

    async fn of(&self, service: &str) -> ServiceLetters {
        let mut of = ServiceLetters { service: service.to_owned(), ..ServiceLetters::default() };
        let dead_letters = self.context.letters(service);
        let read = async {
            let status = dead_letters.status().await?;
            (of.count, of.is_held) = (status.dead_letters, status.readers > 0);
            if status.dead_letters > 0 {
                let mut groups = DeadLetterGroups::default();
                let mut seen: BTreeMap<GroupKey, (u64, Vec<Letter>)> = BTreeMap::new();
                dead_letters
                    .browse(|dead_letter| {
                        let group = groups.add(&dead_letter);
                        let (redrives, listed) = seen.entry(group.clone()).or_default();
                        *redrives = dead_letter.redrives.max(*redrives);
                        if listed.len() < LISTED {
                            listed.push(letter(&dead_letter, group, false));
                        }
                    })
                    .await?;
                of.count = groups.dead_letters();
                of.groups.extend(groups.all().map(|(key, died)| {
                    let (redrives, letters) = seen.remove(key).unwrap_or_default();
                    LetterGroup { key: key.clone(), died: died.clone(), redrives, letters }
                }));
            }
            Ok::<_, RedriveError>(())
        };
        match read.await {
            Ok(()) | Err(RedriveError::NoQueue { .. }) => {}
            Err(error) => of.away = Some(error.to_string()),
        }
        of
    }

    /// Waits for the exclusive right to read, until the result is dropped.
    pub(crate) async fn turn(&self) -> impl Drop + '_ {
        let mut turn = self.read.hold().await;
        // The holder may change them.
        *turn = None;
        turn
    }

    /// Returns one dead letter in full.
    pub(crate) async fn one(
        &self,
        service: &str,
        id: &str,
    ) -> Result<Option<Letter>, RedriveError> {
        let Some(service) = self.services.iter().find(|known| **known == service) else {
            return Ok(None);
        };
        // Nobody else reads meanwhile.
        let _turn = self.read.hold().await;
        let (mut found, mut seen) = (None, Vec::new());
        let browse = |dead_letter: DeadLetter| {
            if dead_letter.id.to_string() == id {
                let group = DeadLetterGroups::default().add(&dead_letter);
                seen.push(dead_letter.mark());
                found = Some(letter(&dead_letter, group, true));
            }
        };
        self.context.letters(service).browse(browse).await?;
        // Copies come in any order.
        seen.sort_unstable();
        Ok(found.map(|letter| Letter { seen, ..letter }))
    }
}

fn letter(dead_letter: &DeadLetter, group: GroupKey, whole: bool) -> Letter {
    let headers = dead_letter.properties.headers().as_ref().filter(|_| whole);
    let headers = headers.map(|headers| headers.inner()).into_iter().flatten();
    let header = |(name, value): (&ballet_amqp::ShortString, &ballet_amqp::AMQPValue)| {
        let text = ballet_amqp::headers::text(value).map(str::to_owned);
        (name.to_string(), text.unwrap_or_else(|| format!("{value:?}")))
    };
    let readable = if whole { dead_letter.readable().ok() } else { None };
    let body = match &readable {
        Some(text) => text.as_bytes(),
        None if whole => &dead_letter.body,
        None => &[],
    };
    Letter {
        service: dead_letter.service.clone(),
        id: dead_letter.id.to_string(),
        event_type: dead_letter.event_type.clone(),
        saga: dead_letter.saga.clone(),
        reason: dead_letter.reason.clone(),
        step: dead_letter.step.clone(),
        detail: dead_letter.detail.clone(),
        dead_at: dead_letter.dead_at,
        attempts: dead_letter.attempts,
        redrives: dead_letter.redrives,
        exchange: dead_letter.exchange.clone(),
        routing_key: dead_letter.routing_key.clone(),
        group,
        seen: Vec::new(),
        headers: headers.map(header).collect(),
        size: body.len(),
        body: body[..body.len().min(MOST_SHOWN)].to_vec(),
    }
}
