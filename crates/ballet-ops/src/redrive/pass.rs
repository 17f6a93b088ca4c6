//! One way through a dead-letter queue, on which letters are taken away.
//!
//! A letter is removed only when all that takes its place is confirmed by the broker. Whenever the
//! process or the connection ends, the letter is still there, or what takes its place is, or both:
//! then they bear the same message id, and the service's inbox takes one of them.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};

use super::reader::Letters;
use super::{Letter, RedriveError};
use ballet_amqp::{BrokerError, Confirmed, Confirms, Outcome, Publish, Session};
use ballet_fault::{self as fault, FaultPoint};

/// How many letters may be on their way at a time.
const IN_FLIGHT: usize = 256;
/// RabbitMQ closes a channel on which a message waits for its ack for 30 minutes, so no letter is
/// kept longer than this; then comes another pass.
const LONGEST_PASS: Duration = Duration::from_secs(10 * 60);
/// How long a stop waits for confirms.
const LAST_CONFIRMS: Duration = Duration::from_secs(10);
/// How far the pace may fall behind and catch up.
const CATCH_UP: Duration = Duration::from_millis(100);

/// What is done with the letters.
pub(super) trait Work: Send {
    /// What takes this letter's place; `None` leaves it where it is.
    fn take(&mut self, letter: &Letter) -> Option<Vec<Publish>>;

    /// Keeps this letter elsewhere, and safely, before it is removed.
    fn keep(&mut self, _letter: &Letter) -> Result<(), RedriveError> {
        Ok(())
    }

    /// Everything kept so far is to be on disk now.
    fn secure(&mut self) -> Result<(), RedriveError> {
        Ok(())
    }

    /// The letter is removed from the queue.
    fn removed(&mut self, letter: &Letter);

    /// The letter stays: the broker does not take what was to take its place.
    fn refused(&mut self, id: String, why: String);

    /// How many letters are removed so far.
    fn done(&self) -> u64;
}

/// How a pass ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// The queue was read to its end.
    Read,
    /// It took long: there may be more.
    LongEnough,
    /// Somebody asked for it.
    Stopped,
}

/// A letter whose replacement is on its way.
struct Going {
    letter: Letter,
    /// Messages without an answer.
    waiting: usize,
    refused: Option<String>,
}

pub(super) struct Pass<'a> {
    session: Arc<dyn Session>,
    service: String,
    confirms: Confirms,
    work: &'a mut dyn Work,
    /// Between two letters.
    pace: Duration,
    going: HashMap<u64, Going>,
    /// Which letter a published message belongs to.
    numbers: HashMap<u64, u64>,
    /// How many letters were taken so far: the number of the last.
    taken: u64,
    /// How many letters were read and stay.
    pub(super) left: u64,
}

impl<'a> Pass<'a> {
    pub(super) async fn open(
        session: Arc<dyn Session>,
        service: &str,
        work: &'a mut dyn Work,
        pace: Duration,
    ) -> Result<Self, RedriveError> {
        let confirms = session.confirms().await?;
        let (going, numbers) = (HashMap::new(), HashMap::new());
        let service = service.to_owned();
        Ok(Self { session, service, confirms, work, pace, going, numbers, taken: 0, left: 0 })
    }

    pub(super) async fn run(
        &mut self,
        letters: &mut Letters,
        stop: &mut watch::Receiver<bool>,
    ) -> Result<End, RedriveError> {
        let begun = Instant::now();
        let mut next_at = begun;
        let end = loop {
            let may_take = self.going.len() < IN_FLIGHT;
            let due = next_at <= Instant::now();
            tokio::select! {
                biased;
                () = stopped(stop) => break End::Stopped,
                answers = self.confirms.next(), if !self.numbers.is_empty() => {
                    self.answered(answers).await?;
                }
                () = sleep_until(begun + LONGEST_PASS) => break End::LongEnough,
                () = sleep_until(next_at), if may_take && !due => {}
                letter = letters.next(), if may_take && due => match letter {
                    None => break End::Read,
                    Some(letter) => if self.take(letter?)? {
                        next_at = (next_at + self.pace).max(Instant::now() - CATCH_UP);
                    },
                },
            }
        };
        let last = async {
            while !self.numbers.is_empty() {
                let answers = self.confirms.next().await;
                self.answered(answers).await?;
            }
            Ok::<_, RedriveError>(())
        };
        // Without an answer the letters stay, and what was sent may have arrived: see above.
        timeout(LAST_CONFIRMS, last).await.unwrap_or(Ok(()))?;
        Ok(end)
    }

    /// Sends what takes the letter's place, if it is one that is meant.
    fn take(&mut self, letter: Letter) -> Result<bool, RedriveError> {
        // Until it is removed.
        self.left += 1;
        let Some(messages) = self.work.take(&letter) else { return Ok(false) };
        self.taken += 1;
        let taken = self.taken;
        let mut going = Going { letter, waiting: 0, refused: None };
        for message in messages {
            fault::point(FaultPoint::BeforeLetter, &*self.service);
            match self.session.publish(&message) {
                Ok(number) => {
                    fault::point(FaultPoint::AfterLetter, &*self.service);
                    self.numbers.insert(number, taken);
                    going.waiting += 1;
                }
                Err(error @ BrokerError::Unrepresentable(_)) => {
                    going.refused = Some(error.to_string());
                    break;
                }
                Err(error) => return Err(error.into()),
            }
        }
        if going.waiting > 0 {
            self.going.insert(taken, going);
        } else if let Some(why) = going.refused {
            self.work.refused(going.letter.id.to_string(), why);
        }
        Ok(true)
    }

    async fn answered(
        &mut self,
        answers: Option<Result<Vec<Confirmed>, BrokerError>>,
    ) -> Result<(), RedriveError> {
        let lost = || BrokerError::Lost("its channel ended".to_owned());
        let mut safe = Vec::new();
        for Confirmed { number, outcome } in answers.ok_or_else(lost)?? {
            let Some(taken) = self.numbers.remove(&number) else { continue };
            let Some(going) = self.going.get_mut(&taken) else { continue };
            going.waiting -= 1;
            match outcome {
                Outcome::Ack => {}
                Outcome::Nack => {
                    going.refused =
                        Some("the broker does not take it: its log says why".to_owned());
                }
                Outcome::Returned { code, text } => {
                    let queue = &self.service;
                    going.refused = Some(format!("queue `{queue}` is not there: {code} {text}"));
                }
            }
            if going.waiting > 0 {
                continue;
            }
            let Some(going) = self.going.remove(&taken) else { continue };
            match going.refused {
                Some(why) => self.work.refused(going.letter.id.to_string(), why),
                None => {
                    self.work.keep(&going.letter)?;
                    safe.push(going.letter);
                }
            }
        }
        if safe.is_empty() {
            return Ok(());
        }
        self.work.secure()?;
        for letter in safe {
            fault::point(FaultPoint::BeforeRemoval, &*self.service);
            letter.remove().await?;
            fault::point(FaultPoint::AfterRemoval, &*self.service);
            self.left -= 1;
            self.work.removed(&letter);
        }
        Ok(())
    }
}

async fn stopped(stop: &mut watch::Receiver<bool>) {
    // Whoever could ask for it may be gone: then nobody does.
    if stop.wait_for(|stop| *stop).await.is_err() {
        std::future::pending::<()>().await;
    }
}
