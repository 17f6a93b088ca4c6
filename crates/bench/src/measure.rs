//! One run of one contestant: warmed up, measured, judged.

use std::fs;
use std::io::{Read, Seek, SeekFrom};
use std::time::Duration;

use anyhow::{Context, Result};
use ballet_testkit::TestEnv;
use serde::Serialize;
use sqlx::PgConnection;
use tokio::time::Instant;

use crate::contract::{MESSAGES, SERVICES};
use crate::load::{End, Load, Plan};
use crate::stage::{Contestant, Services, Setting, Stage, admin};
use crate::usage::Snapshot;
use crate::{condition, oracle};

/// How long, and what is asked.
#[derive(Debug, Clone, Copy)]
pub struct Run {
    /// Who.
    pub contestant: Contestant,
    /// How it is run.
    pub setting: Setting,
    /// What is asked.
    pub plan: Plan,
    /// What was before.
    pub condition: Condition,
    /// Until it is warm.
    pub warm_up: Duration,
    /// What is measured.
    pub window: Duration,
}

/// What a contestant finds when it starts.
#[derive(Debug, Clone, Copy, Default)]
pub struct Condition {
    /// Old rows in the inboxes, and as many in the ledgers; and a snapshot that is held in each
    /// database for the whole run.
    pub old_rows: u64,
    /// Sagas that wait in the first queue, and are not all worked off.
    pub backlog: usize,
}

/// What a run came to; "a message" is one that a service handled.
#[derive(Debug, Clone, Serialize)]
pub struct Figures {
    /// Sagas that ended in a second; while a backlog waits, a saga's worth of messages.
    pub sagas: f64,
    /// Messages that were handled in a second.
    pub messages: f64,
    /// From the moment when a saga was to start until its end was seen, in milliseconds.
    pub latencies: Vec<f64>,
    /// Processor time a message, in milliseconds.
    pub cpu: Cpu,
    /// Bytes of write-ahead log a message.
    pub wal: f64,
    /// Transactions a message, over the whole run.
    pub commits: f64,
    /// The memory of the largest service process at the end, and its most, in megabytes.
    pub memory: f64,
    /// See `memory`.
    pub memory_peak: f64,
    /// Pages that were asked for in the tables of inbox, ledger and outbox, a message, over the
    /// whole run.
    pub pages: f64,
    /// Lost to deadlocks, over the whole run.
    pub deadlocks: i64,
}

/// Milliseconds a message.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Cpu {
    /// Postgres, all processes.
    pub postgres: f64,
    /// RabbitMQ.
    pub broker: f64,
    /// The four services.
    pub services: f64,
    /// Whoever starts and watches sagas; the same for all contestants.
    pub driver: f64,
}

impl Cpu {
    /// Without the driver.
    #[must_use]
    pub fn total(&self) -> f64 {
        self.postgres + self.broker + self.services
    }
}

impl Stage {
    /// Runs it.
    ///
    /// # Errors
    ///
    /// If it fails, or the oracle says that it was wrong: then there is no figure.
    pub async fn run(&self, run: &Run) -> Result<Figures> {
        let env = self.env(run.contestant).await?;
        let result = Box::pin(self.run_in(run, &env)).await;
        env.close().await?;
        result.with_context(|| format!("{} has no figure", run.contestant.name()))
    }

    async fn run_in(&self, run: &Run, env: &TestEnv) -> Result<Figures> {
        let mut load = Load::connect(env, run.plan).await?;
        load.pile_up(run.condition.backlog).await?;
        let services = self.start(run.contestant, env, run.setting).await?;
        let result = async {
            let mut held = Vec::new();
            if run.condition.old_rows > 0 {
                condition::add_old_rows(run.contestant, env, run.condition.old_rows).await?;
                held = condition::hold_snapshots(env).await?;
            }
            let pages = condition::pages(env).await?;
            let mut figures = self.under_load(run, env, &services, &mut load).await?;
            figures.pages = -per(pages, 1.0);
            drop(held);
            let drained = run.condition.backlog == 0;
            oracle::judge(env, &load, drained).await?;
            let messages = match drained {
                true => messages(&load.ended),
                false => condition::handled(run.contestant, env).await?,
            };
            load.close().await;
            services.check()?;
            Ok::<_, anyhow::Error>((figures, messages))
        };
        let result = result.await;
        if result.is_err() {
            // A service that has ended says more than what followed from it.
            services.check()?;
        }
        services.stop().await;
        let (mut figures, messages) = result?;
        let (commits, deadlocks) = self.transactions(env).await?;
        figures.commits = per(commits, messages);
        figures.deadlocks = deadlocks;
        figures.pages =
            (per(condition::pages(env).await?, 1.0) + figures.pages) / messages.max(1.0);
        Ok(figures)
    }

    async fn under_load(
        &self,
        run: &Run,
        env: &TestEnv,
        services: &Services,
        load: &mut Load,
    ) -> Result<Figures> {
        let mut db = admin(env, SERVICES[0]).await?;
        load.go(run.warm_up).await?;
        let piled_up = run.condition.backlog > 0;
        let by_inbox = async || match piled_up {
            true => condition::handled(run.contestant, env).await,
            false => Ok(0.0),
        };
        let handled_before = by_inbox().await?;
        let before = self.look(&mut db).await?;
        load.go(run.window).await?;
        let after = self.look(&mut db).await?;
        let handled_after = by_inbox().await?;
        let memory = services.memory();
        if !piled_up {
            load.finish().await?;
        }
        let in_window = |at: Instant| before.at <= at && at < after.at;
        let ended: Vec<_> = load.ended.iter().filter(|(at, ..)| in_window(*at)).copied().collect();
        let handled = if piled_up { handled_after - handled_before } else { messages(&ended) };
        let sagas = match piled_up {
            true => handled / f64::from(MESSAGES.closed),
            false => count(ended.len()),
        };
        let seconds = (after.at - before.at).as_secs_f64();
        let own = i32::try_from(std::process::id())?;
        let cpu = |roots: &[i32]| {
            let used = after.cpu.milliseconds(roots) - before.cpu.milliseconds(roots);
            used / handled.max(1.0)
        };
        let services = services.pids();
        let servers = (self.servers.postgres().pids().await, self.servers.rabbitmq().pids().await);
        Ok(Figures {
            sagas: sagas / seconds,
            messages: handled / seconds,
            latencies: ended.iter().map(|(.., took)| took.as_secs_f64() * 1000.0).collect(),
            cpu: Cpu {
                postgres: cpu(&servers.0),
                broker: cpu(&servers.1),
                services: cpu(&services),
                driver: (after.cpu.alone(own) - before.cpu.alone(own)) / handled.max(1.0),
            },
            wal: per(after.wal - before.wal, handled),
            commits: 0.0,
            memory: memory.0,
            memory_peak: memory.1,
            pages: 0.0,
            deadlocks: 0,
        })
    }

    async fn look(&self, db: &mut PgConnection) -> Result<Look> {
        let (wal,): (i64,) =
            sqlx::query_as("select pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint")
                .fetch_one(db)
                .await?;
        Ok(Look { at: Instant::now(), cpu: Snapshot::take()?, wal })
    }

    /// Commits and deadlocks in the contestant's databases, when all sessions have ended.
    async fn transactions(&self, env: &TestEnv) -> Result<(i64, i64)> {
        let (mut commits, mut deadlocks) = (0, 0);
        for service in SERVICES {
            let (c, d): (i64, i64) = sqlx::query_as(
                "select xact_commit, deadlocks from pg_stat_database \
                 where datname = current_database()",
            )
            .fetch_one(&mut admin(env, service).await?)
            .await?;
            commits += c;
            deadlocks += d;
        }
        Ok((commits, deadlocks))
    }

    /// Statements a message: counted in a short run of its own, with all of them logged.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run).
    pub async fn statements(&self, contestant: Contestant, time: Duration) -> Result<f64> {
        let env = self.env(contestant).await?;
        let result = Box::pin(self.count_statements(contestant, &env, time)).await;
        env.close().await?;
        result
    }

    async fn count_statements(
        &self,
        contestant: Contestant,
        env: &TestEnv,
        time: Duration,
    ) -> Result<f64> {
        for service in SERVICES {
            // Without their parameters, which would fill the disk.
            sqlx::raw_sql(
                "do $$ begin \
                   execute format('alter database %I set log_statement = ''all''', \
                       current_database()); \
                   execute format('alter database %I set log_parameter_max_length = 0', \
                       current_database()); \
                 end $$",
            )
            .execute(&mut admin(env, service).await?)
            .await?;
        }
        let services = self.start(contestant, env, Setting::default()).await?;
        let log = self.servers.postgres().log().context("Postgres has no log that we can read")?;
        let mut load = Load::connect(env, Plan::default()).await?;
        let from = fs::metadata(log)?.len();
        load.go(time).await?;
        load.finish().await?;
        let mut file = fs::File::open(log)?;
        file.seek(SeekFrom::Start(from))?;
        let mut text = String::new();
        file.read_to_string(&mut text)?;
        let handled = messages(&load.ended);
        load.close().await;
        services.stop().await;
        let is_statement =
            |line: &&str| line.contains(" LOG:  execute ") || line.contains(" LOG:  statement: ");
        Ok(count(text.lines().filter(is_statement).count()) / handled.max(1.0))
    }
}

struct Look {
    at: Instant,
    cpu: Snapshot,
    wal: i64,
}

fn messages(ended: &[(Instant, End, Duration)]) -> f64 {
    let of = |end| match end {
        End::Closed => MESSAGES.closed,
        End::Cancelled => MESSAGES.cancelled,
        // Between one and four; half of the way on average.
        End::Dead => 2,
    };
    f64::from(ended.iter().map(|(_, end, _)| of(*end)).sum::<u32>())
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
fn count(items: usize) -> f64 {
    items as f64
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
fn per(amount: i64, messages: f64) -> f64 {
    amount as f64 / messages.max(1.0)
}
