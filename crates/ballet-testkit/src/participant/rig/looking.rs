//! What a participant has left and published, and how its sagas have to end.

use std::sync::Mutex as SyncMutex;
use std::sync::PoisonError;
use std::time::{Duration, Instant};

use ballet::core::topology;
use ballet_stage::Depth;
use reqwest::Method;
use serde_json::Value;
use sqlx::AssertSqlSafe;
use uuid::Uuid;

use crate::participant::rig::record::Seen;
use crate::participant::rig::verdict::{Counts, End, lacks};
use crate::participant::rig::world::{World, Wrong, said};

/// The counts of a queue are at most a second old. Queues that were empty for longer are.
const CALM: Duration = Duration::from_millis(2_500);

impl World<'_> {
    /// What the step of a saga has left.
    pub(crate) async fn effect(&self, saga: Uuid) -> Result<i64, Wrong> {
        let Some(query) = &self.contract.effect else { return Ok(self.provider()?.effect(saga)) };
        let mut db = self.probe.lock().await;
        let found: Result<Option<Option<i64>>, _> =
            sqlx::query_scalar(AssertSqlSafe(query.clone()))
                .bind(saga)
                .fetch_optional(&mut *db)
                .await;
        Ok(found.map_err(said)?.flatten().unwrap_or_default())
    }

    /// All events that have been published.
    pub(crate) async fn seen(&self) -> Result<Vec<Seen>, Wrong> {
        self.record.read(&self.env).await.map_err(said)
    }

    /// The same, although a busy broker may have to be asked again.
    pub(crate) async fn surely_seen(&self) -> Result<Vec<Seen>, Wrong> {
        self.until("the events so far", || async { self.seen().await.map(Some) }).await
    }

    /// Waits until a saga is at an end.
    pub(crate) async fn becomes(&self, saga: Uuid, end: End) -> Result<(), Wrong> {
        self.within(self.patience, &format!("a saga to be {end:?}"), || async {
            self.is(saga, end, &self.seen().await?).await.map(Some)
        })
        .await
    }

    /// Waits until the step of a saga is done.
    pub(crate) async fn is_done(&self, saga: Uuid) -> Result<(), Wrong> {
        self.becomes(saga, End::Done).await
    }

    /// Whether the program's queue is there, and has a leader.
    pub(crate) async fn is_there(&self) -> Result<bool, Wrong> {
        let path = ["queues", self.env.vhost(), self.service()];
        let queue = self.env.management().call(Method::GET, &path, None).await.map_err(said)?;
        Ok(queue["state"] == "running")
    }

    async fn is(&self, saga: Uuid, end: End, seen: &[Seen]) -> Result<(), Wrong> {
        let (effect, counts) = (self.effect(saga).await?, Counts::of(&self.types, saga, seen));
        if end.is(self.contract, effect, counts) {
            return Ok(());
        }
        let Counts { done, compensated, refused } = counts;
        Err(format!(
            "saga {saga} should be {end:?}: its effect is {effect} (done: {}), published are \
             {done} of {}, {compensated} of {} and {refused} refusals, counted by ids",
            self.contract.effect_when_done, self.types.done, self.types.compensated
        ))
    }

    /// Waits until nothing is in the program's queue, nor in its hands.
    pub(crate) async fn is_quiet(&self) -> Result<(), Wrong> {
        self.queue_has("the program's queue to be empty", |_| false).await
    }

    /// Waits until the program has a message in its hands, or has acknowledged it.
    pub(crate) async fn is_delivered(&self) -> Result<(), Wrong> {
        self.queue_has("the program to get a message", |depth| depth.unacked > 0).await
    }

    /// Waits until the program's queue is as wanted, or empty for so long that it is sure.
    async fn queue_has(&self, what: &str, wanted: impl Fn(Depth) -> bool) -> Result<(), Wrong> {
        let since = SyncMutex::new(None::<Instant>);
        self.until(what, || async {
            let depth = self.depth().await?;
            let mut since = since.lock().unwrap_or_else(PoisonError::into_inner);
            if wanted(depth) {
                return Ok(Some(()));
            }
            if depth.ready + depth.unacked > 0 {
                *since = None;
                return Err(format!("{depth:?}"));
            }
            let begun = *since.get_or_insert_with(Instant::now);
            Ok((begun.elapsed() >= CALM).then_some(()))
        })
        .await
    }

    /// The messages in the program's dead-letter queue.
    pub(crate) async fn dead_letters(&self) -> Result<Vec<Value>, Wrong> {
        let queue = topology::dead_queue(self.service());
        self.env.management().peek(&queue, 100).await.map_err(said)
    }

    /// The same, once there are as many.
    pub(crate) async fn some_dead_letters(&self, count: usize) -> Result<Vec<Value>, Wrong> {
        self.until("the dead letters", || async {
            let letters = self.dead_letters().await?;
            let there = letters.len() >= count;
            if there { Ok(Some(letters)) } else { Err(format!("{} are there", letters.len())) }
        })
        .await
    }

    /// Waits until all sagas are at their ends, stops the program, and looks again: by then nothing
    /// can come any more.
    pub(crate) async fn ends(self, sagas: &[(Uuid, End)]) -> Result<(), Wrong> {
        self.ends_with(sagas, 0).await
    }

    /// The same with dead letters.
    pub(crate) async fn ends_with(self, sagas: &[(Uuid, End)], dead: usize) -> Result<(), Wrong> {
        let sagas = [sagas, &self.markers].concat();
        for (saga, end) in &sagas {
            self.becomes(*saga, *end).await?;
        }
        self.is_quiet().await?;
        self.stop().await?;
        let seen = self.surely_seen().await?;
        for (saga, end) in &sagas {
            self.is(*saga, *end, &seen).await?;
        }
        let company = self.provider.as_ref();
        let wrong = company.map(|company| company.wrong(self.sent.keys().copied()));
        if let Some(wrong) = wrong.filter(|wrong| !wrong.is_empty()) {
            return Err(wrong.join("\n"));
        }
        for event in &seen {
            let saga = self.sent.iter().find(|(saga, _)| event.is_of(**saga));
            let (saga, sent) =
                saga.ok_or_else(|| format!("`correlation_id` is of no saga: {event:?}"))?;
            let wrong = lacks(self.contract, &self.types, event, *saga, sent);
            if !wrong.is_empty() {
                return Err(wrong.join("\n"));
            }
        }
        let letters =
            self.until("the dead letters", || async { self.dead_letters().await.map(Some) });
        let letters = letters.await?;
        if letters.len() != dead {
            return Err(format!(
                "there are {} dead letters, not {dead}: {letters:?}",
                letters.len()
            ));
        }
        self.env.close().await.map_err(said)
    }
}
