//! The time of a stage, which stands still until a schedule lets it pass, and what waits for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use ballet::Clock;
use jiff::{SignedDuration, Timestamp};
use sqlx::{Executor, PgConnection};
use uuid::Uuid;

use crate::explore::stage::{Done, Stage, said};

/// Processes look for what is due every two seconds. Less than half of the time in which a database has to answer.
const LOOK_EVERY: Duration = Duration::from_millis(2_100);
const CLOCK: &str = "create table public.explore_clock (now timestamptz not null); \
    insert into public.explore_clock values ('epoch'); \
    create or replace function ballet.now() returns timestamptz language sql volatile parallel safe \
        as 'select now from public.explore_clock'; \
    create or replace function ballet.clock_is_checked() returns boolean language sql volatile parallel safe \
        as 'select false'";
/// Failed ones first. The pauses of the others are known, and those of failed ones are chance.
const WAITING: &str = "select call_key, saga_id, step, undo, taken_at is not null, attempts, \
        extract(epoch from next_at - ballet.now())::float8 from ballet.call \
    where closed_at is null and owner = 0 and next_at < 'infinity' and next_at > ballet.now() \
    order by saga_id, step, undo";

/// The one source of time of all processes and databases of a stage.
#[derive(Debug, Clone)]
pub(super) struct StageTime {
    micros: Arc<AtomicI64>,
    processes: Arc<AtomicU64>,
    system: Clock,
}

impl StageTime {
    pub(super) fn new() -> Self {
        let system = Clock::system();
        let micros = Arc::new(AtomicI64::new(system.now().as_microsecond()));
        Self { micros, processes: Arc::default(), system }
    }

    /// The clock of the next process.
    pub(super) fn clock(&self) -> Clock {
        let micros = Arc::clone(&self.micros);
        let now =
            move || Timestamp::from_microsecond(micros.load(Ordering::Relaxed)).unwrap_or_default();
        Clock::moved(now, self.processes.fetch_add(1, Ordering::Relaxed))
    }
}

/// A call that waits to be made again.
#[derive(Debug, Clone)]
pub(super) struct WaitingCall {
    key: Uuid,
    pub(super) service: &'static str,
    pub(super) saga: Uuid,
    pub(super) step: String,
    pub(super) undo: bool,
    /// Whether the other side has it, so that the time decides.
    pub(super) is_taken: bool,
    pub(super) attempts: i32,
    seconds: f64,
}

impl Stage {
    /// Goes on from the present, or from where the last schedule ended.
    pub(super) async fn go_on(&mut self) -> Done<()> {
        let present = self.time.system.now().as_microsecond();
        let next = self.time.micros.load(Ordering::Relaxed) + 1_000_000;
        self.set_time(present.max(next)).await
    }

    async fn set_time(&mut self, micros: i64) -> Done<()> {
        self.time.micros.store(micros, Ordering::Relaxed);
        let set = "update public.explore_clock set now = 'epoch'::timestamptz + $1 * interval '1 microsecond'";
        for service in self.names() {
            said(sqlx::query(set).bind(micros).execute(self.session(service)?).await)?;
        }
        Ok(())
    }

    /// Lets everybody look at once for what is due: no timer of this process waits longer.
    pub(super) async fn hurry(&self) {
        tokio::time::pause();
        tokio::time::advance(LOOK_EVERY).await;
        tokio::time::resume();
    }

    /// Returns the sagas with a deadline that has not passed, in the database of a service.
    pub(super) async fn deadlines(&mut self, service: &str) -> Done<Vec<Uuid>> {
        let open = "select saga_id from ballet.deadline order by saga_id";
        said(sqlx::query_scalar(open).fetch_all(self.session(service)?).await)
    }

    pub(super) async fn pass_deadline(&mut self, service: &str, saga: Uuid) -> Done<()> {
        let service = self.known(service)?;
        let due = "update ballet.deadline set due_at = ballet.now() where saga_id = $1";
        said(sqlx::query(due).bind(saga).execute(self.session(service)?).await)?;
        self.hurry().await;
        self.until(&format!("{service} to tell a deadline that has passed"), async |stage| {
            Ok(!stage.deadlines(service).await?.contains(&saga))
        })
        .await?;
        self.rest(&[service]).await
    }

    pub(super) async fn waiting_calls(&mut self) -> Done<Vec<WaitingCall>> {
        let mut waiting = Vec::new();
        for service in self.calling() {
            type Row = (Uuid, Uuid, String, bool, bool, i32, f64);
            let rows: Vec<Row> =
                said(sqlx::query_as(WAITING).fetch_all(self.session(service)?).await)?;
            waiting.extend(rows.into_iter().map(|row| {
                let (key, saga, step, undo, is_taken, attempts, seconds) = row;
                WaitingCall { key, service, saga, step, undo, is_taken, attempts, seconds }
            }));
        }
        Ok(waiting)
    }

    /// Lets a call that waits be made again, and no other one.
    pub(super) async fn ask(&mut self, call: &WaitingCall) -> Done<()> {
        if call.is_taken {
            let pause = SignedDuration::from_secs_f64(call.seconds.ceil());
            let micros = i64::try_from(pause.as_micros()).unwrap_or(i64::MAX);
            self.set_time(self.time.micros.load(Ordering::Relaxed).saturating_add(micros)).await?;
        }
        for service in self.calling() {
            let due = "update ballet.call set next_at = case call_key when $1 then ballet.now() \
                           else greatest(next_at, ballet.now() + interval '1 second') end \
                       where closed_at is null and owner = 0 and next_at < 'infinity'";
            said(sqlx::query(due).bind(call.key).execute(self.session(service)?).await)?;
        }
        self.hurry().await;
        self.rest_all().await
    }
}

/// Makes a database's clock that of the stage.
pub(super) async fn stand_still(db: &mut PgConnection) -> Done<()> {
    said(db.execute(CLOCK).await).map(drop)
}
