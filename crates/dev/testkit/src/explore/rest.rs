//! Waits until nothing moves any more.

use std::time::{Duration, Instant};

use tokio::task::yield_now;
use tokio::time::timeout;

use crate::explore::stage::{Done, Stage, said};
use crate::memory::UNMARKED;

/// For what hangs.
pub(super) const LIMIT: Duration = Duration::from_secs(10);
/// Databases tell nobody that something has changed.
const LOOK: Duration = Duration::from_millis(1);
/// A confirm goes from task to task this often at most, in one thread.
const HOPS: usize = 20;
/// So many looks for what only a look of the processes begins, before they are hurried again.
const PATIENCE: usize = 50;
/// Calls that somebody makes, or is about to make.
const CALLING: &str = "select count(*) from ballet.call where closed_at is null \
    and next_at < 'infinity' and not (owner = 0 and next_at > ballet.now())";

impl Stage {
    /// Waits for a condition. It is asked again as soon as something happens at the broker.
    pub(super) async fn until(
        &mut self,
        what: &str,
        mut is: impl AsyncFnMut(&mut Self) -> Done<bool>,
    ) -> Done<()> {
        let begun = Instant::now();
        let mut changes = self.memory.broker.changes();
        while !is(self).await? {
            if begun.elapsed() > LIMIT {
                return Err(format!("waited {LIMIT:?} for {what}"));
            }
            timeout(LOOK, changes.changed()).await.ok();
        }
        Ok(())
    }

    /// Waits until these services have nothing in hand: what they committed is published, and no call is being made.
    pub(super) async fn rest(&mut self, services: &[&'static str]) -> Done<()> {
        self.until("an end of all that was handed over", async |stage| {
            Ok(stage.memory.broker.in_hand() == 0)
        })
        .await?;
        for service in services {
            loop {
                self.until(&format!("{service} with all its events published"), async |stage| {
                    Ok(stage.is_published(service).await)
                })
                .await?;
                if self.calls(service).await? == 0 {
                    break;
                }
                self.until(&format!("{service} with all its calls answered"), async |stage| {
                    Ok(stage.calls(service).await? == 0)
                })
                .await?;
            }
        }
        Ok(())
    }

    /// Whether the processes of a service have published what they committed.
    async fn is_published(&self, service: &str) -> bool {
        for _ in 0..HOPS {
            let replicas = self.replicas.get(service).into_iter().flatten();
            let events: i64 = replicas.map(|replica| replica.running.unpublished()).sum();
            if usize::try_from(events).is_ok_and(|left| left <= self.memory.broker.unconfirmed()) {
                return true;
            }
            yield_now().await;
        }
        false
    }

    /// Returns how many calls of a service are being made.
    pub(super) async fn calls(&mut self, service: &str) -> Done<usize> {
        if !self.calling.contains(service) {
            return Ok(0);
        }
        let calls = sqlx::query_scalar::<_, i64>(CALLING);
        let calls = said(calls.fetch_one(self.session(service)?).await)?;
        Ok(usize::try_from(calls).unwrap_or(usize::MAX))
    }

    /// Returns how much a service has in hand.
    pub(super) async fn in_hand(&mut self, service: &str) -> Done<usize> {
        Ok(self.memory.broker.in_hand() + self.calls(service).await?)
    }

    /// Waits until nothing moves any more, in all services. What one publishes may set another going.
    pub(super) async fn rest_all(&mut self) -> Done<()> {
        self.until("services that do not go on publishing", async |stage| {
            let taken = stage.memory.broker.taken_count();
            stage.rest(&stage.names()).await?;
            Ok(taken == stage.memory.broker.taken_count())
        })
        .await
    }

    /// Waits for what only a look of the processes begins.
    async fn until_hurried(
        &mut self,
        what: &str,
        mut is: impl AsyncFnMut(&mut Self) -> Done<bool>,
    ) -> Done<()> {
        let mut looks = 0;
        self.until(what, async |stage| {
            if is(stage).await? {
                return Ok(true);
            }
            if looks % PATIENCE == 0 {
                stage.hurry().await;
            }
            looks += 1;
            Ok(false)
        })
        .await
    }

    /// Waits until every event of a service is marked as published, also of processes that are gone.
    pub(super) async fn until_marked(&mut self, service: &str) -> Done<()> {
        let none = format!("select not exists (select from {UNMARKED})");
        self.until_hurried(
            &format!("{service} with all its events marked as published"),
            async |stage| {
                let none = sqlx::query_scalar(sqlx::AssertSqlSafe(&*none));
                said(none.fetch_one(stage.session(service)?).await)
            },
        )
        .await
    }

    /// Waits until a copy is filled, so that no schedule begins with a part of it.
    pub(super) async fn until_filled(&mut self, service: &str, entity: &str) -> Done<()> {
        self.until_hurried(&format!("{service} with all entities named {entity}"), async |stage| {
            let filled = "select filled_run is not null from ballet.copy_fill where entity = $1";
            let filled = sqlx::query_scalar(filled).bind(entity);
            Ok(said(filled.fetch_optional(stage.session(service)?).await)?.unwrap_or(false))
        })
        .await
    }

    /// Waits as [`rest_all`](Self::rest_all), and until every event is marked as published.
    pub(super) async fn settle(&mut self) -> Done<()> {
        self.rest_all().await?;
        for service in self.names() {
            self.until_marked(service).await?;
        }
        Ok(())
    }
}
