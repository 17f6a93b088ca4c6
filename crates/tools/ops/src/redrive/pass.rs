//! One pass through a dead-letter queue, which replaces dead letters by other messages.
//!
//! A dead letter is removed only when the broker has confirmed its whole replacement. After an interruption the dead
//! letter, its replacement or both are there, with one message id, of which the inbox accepts one.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use ballet_amqp::{BrokerError, Confirms, MessageConfirm, PublishOutcome, Session};
use ballet_core::fault::{self, FaultPoint};
use futures_util::StreamExt;
use tokio::time::{Instant, sleep_until, timeout};

use crate::redrive::action::PassAction;
use crate::redrive::dead_letter::{DeadLetter, LetterIdentity};
use crate::redrive::error::RedriveError;
use crate::redrive::options::{RedriveOptions, Stop, stopped};
use crate::redrive::reader::LetterReading;

/// The maximum number of dead letters with unconfirmed replacements.
const IN_FLIGHT: usize = 256;
const LAST_CONFIRMS: Duration = Duration::from_secs(10);
/// The maximum time that a pass behind its pace may make up.
const CATCH_UP: Duration = Duration::from_millis(100);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PassEnd {
    Read,
    /// The time for one pass is up. There may be more.
    TimeUp,
    Stopped,
}

struct UnconfirmedLetter {
    dead_letter: DeadLetter,
    unconfirmed: usize,
    failure: Option<String>,
}

pub(crate) struct Pass<'a, 'p> {
    session: Arc<dyn Session>,
    service: String,
    confirms: Confirms,
    action: &'a mut PassAction<'p>,
    options: &'a RedriveOptions<'a>,
    in_flight: HashMap<u64, UnconfirmedLetter>,
    /// The dead letter of each published message, by the message's number.
    published: HashMap<u64, u64>,
    /// The number of replaced dead letters, which numbers the last one.
    replaced: u64,
    /// The number of messages read and left.
    left: u64,
    removed_before: &'a HashSet<LetterIdentity>,
    removed: Vec<LetterIdentity>,
}

impl<'a, 'p> Pass<'a, 'p> {
    pub(crate) async fn open(
        session: Arc<dyn Session>,
        service: &str,
        action: &'a mut PassAction<'p>,
        options: &'a RedriveOptions<'a>,
        removed_before: &'a HashSet<LetterIdentity>,
    ) -> Result<Self, RedriveError> {
        let confirms = session.confirms().await?;
        Ok(Self {
            session,
            service: service.to_owned(),
            confirms,
            action,
            options,
            in_flight: HashMap::new(),
            published: HashMap::new(),
            replaced: 0,
            left: 0,
            removed_before,
            removed: Vec::new(),
        })
    }

    pub(crate) fn left(&self) -> u64 {
        self.left
    }

    pub(crate) fn into_removed(self) -> Vec<LetterIdentity> {
        self.removed
    }

    pub(crate) async fn run(
        &mut self,
        reading: &mut LetterReading,
        longest: Option<Duration>,
        stop: &mut Stop,
    ) -> Result<PassEnd, RedriveError> {
        let begun = Instant::now();
        let mut next_at = begun;
        let end = loop {
            let has_room = self.in_flight.len() < IN_FLIGHT;
            let due = next_at <= Instant::now();
            tokio::select! {
                biased;
                () = stopped(stop) => break PassEnd::Stopped,
                confirms = self.confirms.next(), if !self.published.is_empty() => {
                    self.confirmed(confirms).await?;
                }
                () = time_up(begun, longest) => break PassEnd::TimeUp,
                () = sleep_until(next_at), if has_room && !due => {}
                next = reading.next(), if has_room && due => {
                    let Some(dead_letter) = next.transpose()? else { break PassEnd::Read };
                    // A message counts as left until it is removed.
                    self.left += dead_letter.messages();
                    if self.removed_before.contains(&dead_letter.identity()) {
                        // Its acknowledgement was lost.
                        self.remove(&dead_letter).await?;
                    } else if self.replace(dead_letter)? {
                        next_at = (next_at + self.options.pace()).max(Instant::now() - CATCH_UP);
                    }
                }
            }
        };
        let last = async {
            while !self.published.is_empty() {
                let confirms = self.confirms.next().await;
                self.confirmed(confirms).await?;
            }
            Ok::<_, RedriveError>(())
        };
        // Without a confirm a dead letter stays, although its replacement may have arrived.
        timeout(LAST_CONFIRMS, last).await.unwrap_or(Ok(()))?;
        Ok(end)
    }

    async fn remove(&mut self, dead_letter: &DeadLetter) -> Result<(), RedriveError> {
        self.left -= u64::from(dead_letter.remove().await?);
        self.removed.push(dead_letter.identity());
        Ok(())
    }

    /// Publishes the replacement. Returns whether there is one.
    fn replace(&mut self, dead_letter: DeadLetter) -> Result<bool, RedriveError> {
        let Some(messages) = (self.action.replace)(&dead_letter) else { return Ok(false) };
        self.replaced += 1;
        let replaced = self.replaced;
        let mut in_flight = UnconfirmedLetter { dead_letter, unconfirmed: 0, failure: None };
        for message in messages {
            fault::point(FaultPoint::BeforeLetter, &*self.service);
            match self.session.publish(message) {
                Ok(number) => {
                    fault::point(FaultPoint::AfterLetter, &*self.service);
                    self.published.insert(number, replaced);
                    in_flight.unconfirmed += 1;
                }
                Err(error @ BrokerError::Unrepresentable(_)) => {
                    in_flight.failure = Some(error.to_string());
                    break;
                }
                Err(error) => return Err(error.into()),
            }
        }
        if in_flight.unconfirmed > 0 {
            self.in_flight.insert(replaced, in_flight);
        } else if let Some(reason) = in_flight.failure {
            self.action.summary.add_failed(in_flight.dead_letter.id, reason);
        }
        Ok(true)
    }

    /// Removes the dead letters with confirmed replacements.
    async fn confirmed(
        &mut self,
        confirms: Option<Result<Vec<MessageConfirm>, BrokerError>>,
    ) -> Result<(), RedriveError> {
        let lost = || BrokerError::Lost("the broker closed the channel".to_owned());
        let mut safe = Vec::new();
        for MessageConfirm { number, outcome } in confirms.ok_or_else(lost)?? {
            let Some(replaced) = self.published.remove(&number) else { continue };
            let Some(in_flight) = self.in_flight.get_mut(&replaced) else { continue };
            in_flight.unconfirmed -= 1;
            match outcome {
                PublishOutcome::Ack => {}
                PublishOutcome::Nack => {
                    in_flight.failure =
                        Some("the broker did not accept the message; its log says why".to_owned());
                }
                PublishOutcome::Returned { code, text } => {
                    let key = &self.service;
                    in_flight.failure =
                        Some(format!("no queue takes messages for `{key}`: {code} {text}"));
                }
            }
            if in_flight.unconfirmed > 0 {
                continue;
            }
            let Some(in_flight) = self.in_flight.remove(&replaced) else { continue };
            match in_flight.failure {
                Some(reason) => {
                    self.action.summary.add_failed(in_flight.dead_letter.id, reason);
                }
                None => {
                    if let Some(archive) = &mut self.action.archive {
                        archive.store(&in_flight.dead_letter)?;
                    }
                    safe.push(in_flight.dead_letter);
                }
            }
        }
        if safe.is_empty() {
            return Ok(());
        }
        if let Some(archive) = &mut self.action.archive {
            archive.sync()?;
        }
        for dead_letter in safe {
            fault::point(FaultPoint::BeforeRemoval, &*self.service);
            self.remove(&dead_letter).await?;
            fault::point(FaultPoint::AfterRemoval, &*self.service);
            let retires = (self.action.retires)(&dead_letter);
            self.action.summary.add_removed(&dead_letter, retires, self.options);
        }
        Ok(())
    }
}

/// Without a limit this waits for ever.
async fn time_up(begun: Instant, longest: Option<Duration>) {
    match longest {
        Some(longest) => sleep_until(begun + longest).await,
        None => std::future::pending().await,
    }
}
