//! The dead letters of one service.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use ballet_core::Part;
use ballet_core::topology::dead_queue;
use futures_util::StreamExt;
use jiff::Timestamp;
use tokio::sync::watch;
use tokio::time::{Instant, timeout};

use super::pass::{End, Pass, Work};
use super::plan::Plan;
use super::{Choice, Letter, reader};
use ballet_amqp::{Backoff, Broker, BrokerError, Found, Object, Session};

/// How often in a row the connection may be lost without any progress.
const LOSSES: u32 = 5;

/// How long the broker may take to know what a queue holds.
const ANSWER: Duration = Duration::from_secs(30);
/// How long it may take until letters that were held are in the queue again, unless somebody else
/// takes some of them; and how often we look.
const RETURNED: Duration = Duration::from_secs(5);
const LOOK: Duration = Duration::from_millis(50);

/// Becomes true when the work is to end early, with nothing lost.
pub type Stop = watch::Receiver<bool>;
/// Hears how many letters are done.
pub type Progress<'a> = &'a (dyn Fn(u64) + Send + Sync);

/// What can go wrong with dead letters.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RedriveError {
    /// Between us and the broker.
    #[error(transparent)]
    Broker(#[from] BrokerError),
    /// The service has no queue for dead letters, or there is no such service.
    #[error("there is no queue `{queue}` in vhost `{vhost}`: is {service:?} a service there?")]
    NoQueue {
        /// The service.
        service: String,
        /// The queue that is missing.
        queue: String,
        /// Where it is missing.
        vhost: String,
    },
    /// The service's inbox cannot be read.
    #[error("the service's inbox cannot be read: {0}")]
    Inbox(#[from] sqlx::Error),
    /// What is thrown away cannot be kept elsewhere.
    #[error("the letters cannot be kept, so they stay where they are: {0}")]
    Keep(#[from] std::io::Error),
}

/// What is in a dead-letter queue right now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Held {
    /// How many letters are there, but for those that somebody is reading.
    pub letters: u64,
    /// How many others are reading; what they hold is seen by nobody else meanwhile.
    pub readers: u32,
}

/// The dead letters of one service.
#[derive(Clone)]
pub struct DeadLetters {
    broker: Arc<dyn Broker>,
    service: String,
}

impl DeadLetters {
    /// Connects nowhere yet.
    pub fn new(broker: impl Broker + 'static, service: impl Into<String>) -> Self {
        Self::on(Arc::new(broker), service)
    }

    /// The same, on a broker that is shared.
    pub fn on(broker: Arc<dyn Broker>, service: impl Into<String>) -> Self {
        Self { broker, service: service.into() }
    }

    /// Whose letters they are.
    #[must_use]
    pub fn service(&self) -> &str {
        &self.service
    }

    pub(super) fn broker(&self) -> &dyn Broker {
        &*self.broker
    }

    /// How many letters there are.
    ///
    /// # Errors
    ///
    /// If the broker does not answer, or has no such queue.
    pub async fn held(&self) -> Result<Held, RedriveError> {
        let session = self.broker.connect("ballet dead letters").await?;
        let held = self.count(&*session).await;
        session.close().await;
        held
    }

    async fn count(&self, session: &dyn Session) -> Result<Held, RedriveError> {
        let found = self.find(session).await?;
        let held = |found: &Found, readers| Held { letters: found.messages.into(), readers };
        if found.messages > 0 || found.consumers > 0 {
            return Ok(held(&found, found.consumers));
        }
        // Nothing: or the broker could not find out. It did, once it counts us too.
        let queue = dead_queue(&self.service);
        let mut ours = session.consume(&queue, "ballet count", 1).await?;
        let counted = timeout(ANSWER, async {
            loop {
                let found = self.find(session).await?;
                if found.consumers > 0 {
                    return Ok::<_, RedriveError>(held(&found, found.consumers - 1));
                }
            }
        });
        let slow = || BrokerError::Lost(format!("queue `{queue}` does not answer"));
        let mut counted = counted.await.map_err(|_| slow())??;
        session.cancel("ballet count").await?;
        while let Some(letter) = ours.next().await {
            letter?;
            counted.letters += 1;
        }
        Ok(counted)
    }

    /// Shows every letter, in the order of the queue, and leaves it there. Meanwhile nobody else
    /// sees them.
    ///
    /// # Errors
    ///
    /// If the broker does not answer, or has no such queue.
    pub async fn browse(&self, mut each: impl FnMut(Letter)) -> Result<(), RedriveError> {
        let session = self.broker.connect("ballet dead letters").await?;
        let found = self.find(&*session).await;
        session.close().await;
        found?;
        let mut letters = reader::read(Arc::clone(&self.broker), self.service.clone());
        let (mut held, mut error) = (0, None);
        while let Some(letter) = letters.next().await {
            match letter {
                Ok(letter) => {
                    each(letter);
                    held += 1;
                }
                Err(why) => error = Some(why),
            }
        }
        letters.close().await;
        if let Some(error) = error {
            return Err(error.into());
        }
        self.until_returned(held).await
    }

    /// Waits until so many letters that were held lie in the queue again: the broker takes a moment
    /// to notice that whoever held them is gone, and until then the next look would miss them.
    async fn until_returned(&self, held: u64) -> Result<(), RedriveError> {
        if held == 0 {
            return Ok(());
        }
        let session = self.broker.connect("ballet dead letters").await?;
        let end = Instant::now() + RETURNED;
        let mut look = tokio::time::interval(LOOK);
        while Instant::now() < end {
            look.tick().await;
            if u64::from(self.find(&*session).await?.messages) >= held {
                break;
            }
        }
        session.close().await;
        Ok(())
    }

    /// Notes down which letters are meant: those that are there now. `part` is what the service
    /// declares, if that is known; ids from before `floor` have left its inbox.
    ///
    /// # Errors
    ///
    /// If the broker does not answer, or has no such queue.
    pub async fn plan(
        &self,
        choice: Choice,
        part: Option<Part>,
        floor: Timestamp,
    ) -> Result<Plan, RedriveError> {
        let (mut backoff, mut losses) = (Backoff::default(), 0);
        loop {
            let mut plan = Plan::new(part.clone(), floor);
            let read = self.browse(|letter| {
                if choice.takes(&letter) {
                    plan.add(&letter);
                }
            });
            match read.await {
                Ok(()) => return Ok(plan),
                // A broker that has never been there is told at once.
                Err(RedriveError::Broker(error @ BrokerError::Unreachable { .. }))
                    if losses == 0 =>
                {
                    return Err(error.into());
                }
                Err(RedriveError::Broker(error)) if error.is_loss() && losses < LOSSES => {
                    losses += 1;
                    tracing::warn!("reading once more after a pause: {error}");
                    tokio::time::sleep(backoff.wait()).await;
                }
                Err(error) => return Err(error),
            }
        }
    }

    async fn find(&self, session: &dyn Session) -> Result<Found, RedriveError> {
        let queue = dead_queue(&self.service);
        let found = session.find(&Object::Queue(queue.clone())).await?;
        found.ok_or_else(|| RedriveError::NoQueue {
            service: self.service.clone(),
            queue,
            vhost: session.peer().vhost.clone(),
        })
    }

    /// Goes through the queue until all is done; says whether it was stopped before.
    pub(super) async fn go_through(
        &self,
        work: &mut dyn Work,
        pace: Duration,
        stop: &mut Stop,
    ) -> Result<bool, RedriveError> {
        let mut backoff = Backoff::default();
        let (mut losses, mut done) = (0, work.done());
        loop {
            match self.pass(work, pace, stop).await {
                Ok(End::Read) => return Ok(false),
                Ok(End::Stopped) => return Ok(true),
                Ok(End::LongEnough) => {}
                Err(RedriveError::Broker(error)) if error.is_loss() => {
                    if work.done() > done {
                        (losses, done) = (0, work.done());
                        backoff.reset();
                    }
                    losses += 1;
                    if losses > LOSSES {
                        return Err(error.into());
                    }
                    tracing::warn!("going on after a pause: {error}");
                    tokio::select! {
                        () = tokio::time::sleep(backoff.wait()) => {}
                        _ = stop.wait_for(|stop| *stop) => return Ok(true),
                    }
                }
                Err(error) => return Err(error),
            }
        }
    }

    async fn pass(
        &self,
        work: &mut dyn Work,
        pace: Duration,
        stop: &mut Stop,
    ) -> Result<End, RedriveError> {
        let session = self.broker.connect("ballet dead letters").await?;
        let ended = async {
            self.find(&*session).await?;
            let mut letters = reader::read(Arc::clone(&self.broker), self.service.clone());
            let opened = Pass::open(Arc::clone(&session), &self.service, work, pace).await;
            let ended = match opened {
                Ok(mut pass) => pass.run(&mut letters, stop).await.map(|end| (end, pass.left)),
                Err(error) => Err(error),
            };
            letters.close().await;
            ended
        };
        let ended = ended.await;
        session.close().await;
        let (end, left) = ended?;
        self.until_returned(left).await?;
        Ok(end)
    }
}

impl fmt::Debug for DeadLetters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeadLetters").field("service", &self.service).finish_non_exhaustive()
    }
}
