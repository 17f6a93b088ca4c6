//! Lock waits, deaths of a service's processes and lost commits, at chosen points of a message or a request.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::future::Future;
use std::pin::pin;
use std::time::{Duration, Instant};

use ballet::core::fault::FaultPoint;
use ballet_amqp::Publish;
use ballet_amqp::headers::{CAUSATION_ID, text_header};
use futures_util::future::{Either, select};
use sqlx::Executor;

use crate::explore::action::MessageName;
use crate::explore::stage::{Done, Stage, said};
use crate::memory::MemoryBroker;

/// A transaction that has not come to its commit by then will not come. A busy machine takes a while.
const AT_THE_COMMIT: Duration = Duration::from_secs(2);
/// So many looks for a transaction that runs again, before the processes are hurried.
const PAUSED: usize = 10;
const AT_GATE: &str = "select pid from pg_locks join pg_database d on d.oid = database \
    where d.datname = current_database() and locktype = 'advisory' and objid in (58, 59, 60) and not granted";
const BEHIND: &str = "select count(*) from pg_stat_activity \
    where datname = current_database() and wait_event_type = 'Lock'";

impl Stage {
    async fn gate(&mut self, service: &str, statement: &'static str) -> Done<()> {
        let (_, gate) =
            self.sessions.get_mut(service).ok_or_else(|| format!("there is no {service}"))?;
        said(gate.execute(statement).await).map(drop)
    }

    /// Hands two messages to two replicas. Neither commits before the other has come as far as it can.
    pub(super) async fn together(&mut self, queue: &str, one: usize, other: usize) -> Done<()> {
        let service = self.known(queue)?;
        let broker = self.memory.broker.clone();
        let first = broker
            .ready(queue)
            .get(one)
            .and_then(|one| one.properties.message_id().as_ref().map(ToString::to_string));
        self.gate(service, "select pg_advisory_lock(58)").await?;
        broker.hand_over(queue, one, false);
        self.until_behind(service, 1).await?;
        broker.hand_over(queue, other, false);
        self.until_behind(service, 2).await?;
        let before = broker.depths();
        self.gate(service, "select pg_advisory_unlock(58)").await?;
        self.rest(&[service]).await?;
        // Which one publishes first is chance, and a schedule has none.
        let is_second =
            |message: &Publish| text_header(&message.properties, CAUSATION_ID) != first.as_deref();
        broker.sort_beyond(&before, is_second);
        Ok(())
    }

    /// Hands a message over, and lets a client act before the commit. Whoever then waits for a lock of the message's
    /// transaction goes on after it.
    pub(super) async fn beside<T>(
        &mut self,
        queue: &str,
        at: usize,
        acting: impl Future<Output = T>,
    ) -> Done<T> {
        let service = self.known(queue)?;
        self.gate(service, "select pg_advisory_lock(58)").await?;
        self.memory.broker.hand_over(queue, at, false);
        self.until_behind(service, 1).await?;
        let mut acting = pin!(acting);
        let acted = {
            let waits = pin!(self.until_two_wait(service));
            match select(acting.as_mut(), waits).await {
                Either::Left((acted, _)) => Some(acted),
                Either::Right(_) => None,
            }
        };
        self.gate(service, "select pg_advisory_unlock(58)").await?;
        let acted = match acted {
            Some(acted) => acted,
            None => acting.await,
        };
        self.rest_all().await?;
        Ok(acted)
    }

    /// Lets a client act, and ends the session with its request at the commit. The client may ask again.
    pub(super) async fn lose_request<T>(
        &mut self,
        name: &str,
        acting: impl Future<Output = T>,
    ) -> Done<T> {
        let services = self.names();
        let before = self.hold_commits(&services).await?;
        let (mut acting, ended) = (pin!(acting), Cell::new(None));
        let acted = {
            let ends = pin!(self.end_at_commit(&services, &ended, |_| false));
            match select(acting.as_mut(), ends).await {
                Either::Left((acted, _)) => Some(acted),
                Either::Right((ends, _)) => {
                    ends?;
                    None
                }
            }
        };
        let of = format!("the request with which the client {name}");
        self.let_commits_go(&services, ended.get(), &before, &of).await?;
        let acted = match acted {
            Some(acted) => acted,
            None => acting.await,
        };
        // Whoever does not know whether it has committed looks.
        self.hurry().await;
        self.rest_all().await?;
        Ok(acted)
    }

    /// Hands a message over, and ends the session with its transaction at the commit.
    pub(super) async fn lose(&mut self, message: &MessageName, at: usize) -> Done<()> {
        let service = self.known(&message.queue)?;
        let before = self.hold_commits(&[service]).await?;
        let broker = self.memory.broker.clone();
        broker.hand_over(service, at, false);
        let ended = Cell::new(None);
        self.end_at_commit(&[service], &ended, |broker| broker.in_hand() == 0).await?;
        let of = format!("{message} at {service}");
        self.let_commits_go(&[service], ended.get(), &before, &of).await?;
        let mut looks = 0;
        self.until("an end of a message whose transaction was lost", async |stage| {
            looks += 1;
            // It runs again after a pause.
            if looks % PAUSED == 0 {
                stage.hurry().await;
            }
            Ok(stage.memory.broker.in_hand() == 0)
        })
        .await?;
        self.rest(&[service]).await
    }

    /// Lets nobody commit what publishes. Returns the rows of these services.
    async fn hold_commits(&mut self, services: &[&'static str]) -> Done<BTreeSet<String>> {
        let mut rows = BTreeSet::new();
        for service in services {
            self.gate(service, "select pg_advisory_lock(60)").await?;
            rows.extend(self.rows(service).await?);
        }
        Ok(rows)
    }

    /// Fails if the service whose transaction was ended has got rows meanwhile.
    async fn let_commits_go(
        &mut self,
        services: &[&'static str],
        ended: Option<&'static str>,
        before: &BTreeSet<String>,
        of: &str,
    ) -> Done<()> {
        let mut left = Vec::new();
        if let Some(service) = ended {
            left.extend(self.rows(service).await?.into_iter().filter(|row| !before.contains(row)));
        }
        for service in services {
            self.gate(service, "select pg_advisory_unlock(60)").await?;
        }
        if left.is_empty() {
            return Ok(());
        }
        Err(format!("the transaction of {of} was not committed, and left {}", left.join("; ")))
    }

    /// Waits until a transaction comes to its commit, unless it is over before, and ends it there.
    async fn end_at_commit(
        &mut self,
        services: &[&'static str],
        ended: &Cell<Option<&'static str>>,
        is_over: impl Fn(&MemoryBroker) -> bool,
    ) -> Done<()> {
        self.until("a transaction at its commit", async |stage| {
            for service in services {
                let waiting = sqlx::query_scalar::<_, i32>(AT_GATE);
                for pid in said(waiting.fetch_all(stage.session(service)?).await)? {
                    // Before its end, after which the client may be quicker.
                    ended.set(Some(*service));
                    let end = sqlx::query("select pg_terminate_backend($1)").bind(pid);
                    said(end.execute(stage.session(service)?).await)?;
                }
            }
            Ok(ended.get().is_some() || is_over(&stage.memory.broker))
        })
        .await
    }

    /// Returns the rows of a service's own tables.
    async fn rows(&mut self, service: &str) -> Done<Vec<String>> {
        let rows =
            sqlx::query_scalar("select public.explore_rows()").fetch_all(self.session(service)?);
        let rows: Vec<String> = said(rows.await)?;
        Ok(rows.into_iter().map(|row| format!("{service}: {row}")).collect())
    }

    /// Waits until a second transaction waits for a lock, if it ever does.
    async fn until_two_wait(&mut self, service: &str) -> Done<()> {
        let begun = Instant::now();
        self.until("transactions that wait for locks", async |stage| {
            let is_over = begun.elapsed() >= AT_THE_COMMIT;
            Ok(is_over || stage.waiting_for_locks(service).await? >= 2)
        })
        .await
    }

    async fn waiting_for_locks(&mut self, service: &str) -> Done<usize> {
        let behind = sqlx::query_scalar::<_, i64>(BEHIND);
        let behind = said(behind.fetch_one(self.session(service)?).await)?;
        Ok(usize::try_from(behind).unwrap_or(usize::MAX))
    }

    /// Waits until as many transactions wait for a lock as messages are in hand, if they ever do.
    async fn until_behind(&mut self, service: &str, count: usize) -> Done<()> {
        let begun = Instant::now();
        self.until("transactions that wait for locks", async |stage| {
            if begun.elapsed() >= AT_THE_COMMIT || stage.in_hand(service).await? < count {
                return Ok(true);
            }
            Ok(stage.waiting_for_locks(service).await? >= count)
        })
        .await
    }

    /// Hands a message over, and ends the service's processes at this point of it. Others take their place.
    pub(super) async fn crash(&mut self, queue: &str, at: usize, point: FaultPoint) -> Done<()> {
        let service = self.known(queue)?;
        let broker = self.memory.broker.clone();
        let gate = match point {
            FaultPoint::AfterCommit => {
                Some(["select pg_advisory_lock(58)", "select pg_advisory_unlock(58)"])
            }
            FaultPoint::AfterCall => {
                Some(["select pg_advisory_lock(59)", "select pg_advisory_unlock(59)"])
            }
            _ => None,
        };
        if let Some([close, open]) = gate {
            self.gate(service, close).await?;
            broker.hand_over(queue, at, false);
            self.until_behind(service, 1).await?;
            let waiting: Vec<i32> =
                said(sqlx::query_scalar(AT_GATE).fetch_all(self.session(service)?).await)?;
            self.kill(service);
            if point != FaultPoint::AfterCommit {
                let end = "select pg_terminate_backend(pid, 5000) from unnest($1::int[]) as pid";
                let end = sqlx::query(end).bind(&waiting).execute(self.session(service)?);
                said(end.await)?;
            }
            self.gate(service, open).await?;
            self.until_gone(service).await?;
        } else {
            broker.doom(point);
            broker.hand_over(queue, at, false);
            self.rest(&[service]).await?;
            self.kill(service);
            broker.recover();
        }
        let claims = "update ballet.call set owner = 0, next_at = ballet.now() \
            where closed_at is null and owner <> 0";
        said(self.session(service)?.execute(claims).await)?;
        self.start(service).await?;
        // What the dead left may be published again, and must not come in the middle of something else. Processes that
        // are hurried twice at once lose the connections that they are testing.
        if self.calls(service).await? > 0 {
            self.hurry().await;
        }
        self.until_marked(service).await?;
        self.rest(&[service]).await
    }

    /// Waits until the sessions of the processes that were killed are gone.
    async fn until_gone(&mut self, service: &'static str) -> Done<()> {
        let left = "select not exists (select from pg_stat_activity where datname = current_database() \
            and state in ('active', 'idle in transaction') and pid <> pg_backend_pid())";
        self.until(&format!("{service} with no transaction of its dead"), async |stage| {
            said(sqlx::query_scalar(left).fetch_one(stage.session(service)?).await)
        })
        .await
    }
}
