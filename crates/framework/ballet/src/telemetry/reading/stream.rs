//! Reads one stream for as long as its lease lasts.

use std::sync::Arc;

use ballet_amqp::{Backoff, Broker, BrokerError, Session};
use ballet_core::topology::TELEMETRY;
use ballet_store::telemetry::places;
use ballet_store::telemetry::places::{HeldStream, LEASE};
use tokio::sync::mpsc;
use tokio::time::{Instant, interval, sleep};

use crate::declare::handler::failure::Failure;
use crate::declare::telemetry::AnyReader;
use crate::engine::engine::Engine;
use crate::engine::stopping::stopped;
use crate::telemetry::reading::receive::Receiver;
use crate::telemetry::reading::start::{OpenedStream, ResumePoint, open};
use crate::telemetry::reading::state::{ReaderStates, name_of};
use crate::telemetry::reading::write::{LeaseEnd, Writer, note};

/// The broker's code for an object that does not exist.
const NOT_FOUND: u16 = 404;

pub(super) struct StreamReader {
    pub(super) engine: Arc<Engine>,
    pub(super) broker: Arc<dyn Broker>,
    pub(super) reader: Arc<dyn AnyReader>,
    pub(super) states: Arc<ReaderStates>,
    pub(super) held: HeldStream,
    pub(super) partition: u16,
    pub(super) most: u16,
}

#[derive(Debug, thiserror::Error)]
pub(super) enum ReadingEnd {
    #[error("another process reads it")]
    Fenced,
    #[error("{0}")]
    Broker(#[from] BrokerError),
    #[error("{0}")]
    Database(Failure),
    #[error("it is given back")]
    Released,
    #[error("it has other messages than were read, or fewer")]
    Other,
}

impl ReadingEnd {
    /// Whether there is no such stream. It keeps the process from reading no other one.
    const fn is_missing(&self) -> bool {
        matches!(self, Self::Broker(BrokerError::ChannelClosed { code: NOT_FOUND, .. }))
    }
}

impl StreamReader {
    /// Reads until the lease, the broker or the database is lost, or the stream is to be given
    /// back.
    pub(super) async fn run(
        mut self,
        mut release: tokio::sync::watch::Receiver<bool>,
    ) -> ReadingEnd {
        let mut stopping = self.engine.stopping.clone();
        let left = tokio::select! {
            left = self.read_on() => left,
            () = stopped(&mut release) => ReadingEnd::Released,
            () = stopped(&mut stopping) => ReadingEnd::Released,
        };
        let name = name_of(self.reader.name(), &self.held.stream);
        match &left {
            ReadingEnd::Broker(_) | ReadingEnd::Database(_) => {
                self.states.fails(&name, &left.to_string());
            }
            ReadingEnd::Fenced | ReadingEnd::Released | ReadingEnd::Other => {
                self.states.works(&name);
            }
        }
        tracing::info!("{name} is left: {left}");
        if let ReadingEnd::Database(failure) = &left {
            let HeldStream { stream, epoch, .. } = &self.held;
            let why = failure.to_string();
            note(&self.engine, self.reader.name(), stream, *epoch, &why).await;
        }
        // Its lease is kept meanwhile, and lasts longer. Otherwise others would count it as their
        // share, and read nothing.
        if left.is_missing() {
            tokio::select! {
                () = sleep(LEASE / 2) => {}
                () = stopped(&mut release) => {}
                () = stopped(&mut stopping) => {}
            }
        }
        // A commit that is on its way may not have come through yet, and nobody waits for it. Its
        // row is locked until then.
        let HeldStream { stream, epoch, .. } = &self.held;
        let released = self
            .engine
            .database
            .ask(async |db| places::release(db, self.reader.name(), stream, *epoch).await);
        if let Err(failure) = released.await {
            tracing::debug!("{name} cannot be given back: {failure}");
        }
        left
    }

    /// Reads on from the place, or from the time up to which all was read if the place holds
    /// another message. The place in the database stays until the first message comes.
    async fn read_on(&mut self) -> ReadingEnd {
        let left = self.connected(None).await;
        if !matches!(left, ReadingEnd::Other) {
            return left;
        }
        let HeldStream { next, last_seen, begins_at, read_until, .. } = &mut self.held;
        *begins_at = *read_until;
        *last_seen = None;
        let lost = next.take();
        self.connected(lost).await
    }

    /// Reads in a session of its own. `lost` is the offset from which on the stream is unknown.
    async fn connected(&self, lost: Option<i64>) -> ReadingEnd {
        let queue = format!("{TELEMETRY}.{}", self.held.stream);
        let (service, name) = (self.engine.registry.service, self.reader.name());
        let process = self.engine.relay.process;
        let connection = format!("{service} reads {} {name} {process}", self.held.stream);
        let session = match self.broker.connect(&connection).await {
            Ok(session) => session,
            Err(error) => return ReadingEnd::Broker(error),
        };
        let left = Box::pin(self.read(&session, &queue, lost)).await;
        session.close().await;
        left
    }

    async fn read(&self, session: &Arc<dyn Session>, queue: &str, lost: Option<i64>) -> ReadingEnd {
        let prefetch = self.most.saturating_mul(2).max(2);
        let opened = tokio::select! {
            opened = open(&**session, &*self.broker, queue, &self.held, prefetch) => opened,
            left = self.renewed() => return left,
        };
        let OpenedStream { deliveries, found } = match opened {
            Ok(opened) => opened,
            Err(error) => return ReadingEnd::Broker(error),
        };
        let is_continuous = matches!(found, ResumePoint::Same { .. });
        let first = match found {
            ResumePoint::Begin => None,
            ResumePoint::Later(first) => Some(*first),
            ResumePoint::Same { tag } => {
                if let Err(error) = session.ack(tag, false).await {
                    return ReadingEnd::Broker(error);
                }
                None
            }
            ResumePoint::Other => return ReadingEnd::Other,
        };
        let writer = Writer {
            engine: Arc::clone(&self.engine),
            reader: Arc::clone(&self.reader),
            states: Arc::clone(&self.states),
            stream: self.held.stream.clone(),
            epoch: self.held.epoch,
        };
        self.states.receives(&writer.name());
        let receiver = Receiver {
            session: Arc::clone(session),
            deliveries,
            codec: self.reader.codec(),
            partition: self.partition,
            most: usize::from(self.most),
            next: self.held.next,
            begins_at: self.held.begins_at,
            is_continuous,
            first,
            lost,
        };
        let (batches, received) = mpsc::channel(1);
        tokio::select! {
            ended = receiver.run(batches) => match ended {
                Ok(()) => ReadingEnd::Released,
                Err(error) => ReadingEnd::Broker(error),
            },
            ended = writer.write_all(received) => match ended {
                LeaseEnd::Fenced => ReadingEnd::Fenced,
                LeaseEnd::DatabaseLost(failure) => ReadingEnd::Database(failure),
            },
            // Also while a batch is written, which may take longer than a lease lasts.
            left = self.renewed() => left,
        }
    }

    /// Renews the lease until it is lost. A failed renewal is tried again while the lease may last,
    /// since the row is locked while a batch commits.
    async fn renewed(&self) -> ReadingEnd {
        let mut renew = interval(LEASE / 4);
        let mut holds_since = Instant::now();
        loop {
            renew.tick().await;
            let asked = Instant::now();
            match self.renew().await {
                Ok(true) => holds_since = asked,
                Ok(false) => return ReadingEnd::Fenced,
                // Only a reset of the reader keeps it locked for this long.
                Err(failure) if holds_since.elapsed() > LEASE && failure.is_lock_timeout() => {
                    return ReadingEnd::Fenced;
                }
                Err(failure) if holds_since.elapsed() > LEASE => {
                    return ReadingEnd::Database(failure);
                }
                Err(failure) => {
                    tracing::debug!("a lease of {} is not renewed: {failure}", self.held.stream);
                }
            }
        }
    }

    async fn renew(&self) -> Result<bool, Failure> {
        let HeldStream { stream, epoch, .. } = &self.held;
        let renewed = self
            .engine
            .database
            .ask(async |db| places::renew(db, self.reader.name(), stream, *epoch).await);
        renewed.await
    }
}

pub(super) fn pause_after(left: &ReadingEnd, failures: u32) -> Option<Instant> {
    match left {
        left if left.is_missing() => None,
        ReadingEnd::Broker(_) | ReadingEnd::Database(_) => {
            Some(Instant::now() + Backoff::STREAM.after(failures.saturating_add(1)))
        }
        ReadingEnd::Fenced | ReadingEnd::Released | ReadingEnd::Other => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_stream_that_is_missing_keeps_nobody_from_reading_the_others() {
        let closed = |code| {
            let text = "no queue 'telemetry.meter.beat.v1.0' in vhost 'home'".to_owned();
            ReadingEnd::Broker(BrokerError::ChannelClosed { code, text })
        };
        assert_eq!(pause_after(&closed(404), 3), None);
        assert!(pause_after(&closed(403), 0).is_some(), "another process may have the right");
        let lost = ReadingEnd::Broker(BrokerError::Lost("it is gone".to_owned()));
        assert!(pause_after(&lost, 0).is_some());
    }
}
