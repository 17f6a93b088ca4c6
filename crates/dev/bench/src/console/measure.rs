//! Measures a console, on a journal and on its own database.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use ballet::core::topology::REDRIVE;
use ballet_amqp::{Broker, RabbitMq};
use ballet_ops::stream::{JournalItem, JournalReader, Start, end};
use ballet_stage::TestEnv;
use sqlx::{Connection, PgConnection};
use tokio::time::sleep;

use crate::console::figures::{ConsoleFigures, FollowRates, HungFigures};
use crate::console::journal::{JournalPublisher, OPENED};
use crate::console::{judging, pages};
use crate::contestants::contestant::Contestant;
use crate::runs::console_process::ConsoleProcess;
use crate::runs::stage::BenchStage;

const LOOK_EVERY: Duration = Duration::from_millis(20);
const PATIENCE: Duration = Duration::from_secs(300);
/// The number of events in a saga.
const EACH: usize = 6;
const CAUSES: [&str; 5] = [
    "no account",
    "the account is closed",
    "the amount is negative",
    "no rate",
    "the books are shut",
];

/// The extent of the measurement.
#[derive(Debug, Clone, Copy)]
pub struct ConsoleExtent {
    /// The entries among which pages are read.
    pub entries: i64,
    /// The number of reads of each page.
    pub times: usize,
    /// The number of events that are followed.
    pub followed: usize,
    /// The number of sagas that hang.
    pub hung: usize,
}

/// Measures everything. `say` gets each task.
///
/// # Errors
///
/// The console does not start, or shows something else than it should.
pub async fn measure(
    stage: &BenchStage,
    extent: ConsoleExtent,
    say: impl Fn(&str),
) -> Result<ConsoleFigures> {
    let env = stage.env(Contestant::Ballet).await?;
    let measured = async {
        let judged = judging::rate(stage, &env).await?;
        say(&format!("console: {judged:.0} entries/s judged"));
        let (followed, memory) = follow(stage, &env, extent.followed).await?;
        say(&format!("console: {:.0} entries/s followed", followed.console));
        let hung = measure_causes(stage, &env, extent.hung).await?;
        say(&format!("console: what hangs is seen after {:.2} s", hung.seconds));
        let console = ConsoleProcess::start(stage, &env).await?;
        let pages = pages::measure(&console, extent.entries, extent.times, &say).await?;
        Ok(ConsoleFigures { judged, followed, entries: extent.entries, pages, hung, memory })
    };
    let measured = measured.await;
    env.close().await?;
    measured
}

async fn follow(stage: &BenchStage, env: &TestEnv, events: usize) -> Result<(FollowRates, f64)> {
    let publisher = JournalPublisher::new(env)?;
    let sagas: Vec<_> = (0..events / EACH).map(|_| publisher.id()).collect();
    for some in sagas.chunks(500) {
        let messages: Vec<_> = (0..EACH)
            .flat_map(|_| some.iter().map(|saga| publisher.event(OPENED, *saga, None)))
            .collect();
        publisher.publish(&messages).await?;
    }
    publisher.close().await;
    let all = sagas.len() * EACH;
    let broker = Arc::new(RabbitMq::new(env.amqp_url(REDRIVE))?);
    let begun = Instant::now();
    let mut reader = JournalReader::open(broker, Start::First).await?;
    let mut read = 0;
    while read < all {
        if let JournalItem::Record(_) = reader.next().await? {
            read += 1;
        }
    }
    let bare = begun.elapsed();
    drop(reader);
    let console = ConsoleProcess::start(stage, env).await?;
    let mut db = PgConnection::connect(console.database.url()).await?;
    let begun = Instant::now();
    let next = "select next from console.progress";
    // The console's start does not count.
    let (mut since, mut first) = (begun, 0);
    loop {
        let next: i64 = sqlx::query_scalar(next).fetch_one(&mut db).await?;
        let next = usize::try_from(next)?;
        if first == 0 {
            (since, first) = (Instant::now(), next);
        }
        if next >= all {
            let followed = rate(all - first, since.elapsed());
            return Ok((
                FollowRates { bare: rate(all, bare), console: followed },
                console.memory()?,
            ));
        }
        ensure!(begun.elapsed() < PATIENCE, "the console has read {next} of {all} entries");
        sleep(LOOK_EVERY).await;
    }
}

fn rate(entries: usize, time: Duration) -> f64 {
    f64::from(u32::try_from(entries).unwrap_or(u32::MAX)) / time.as_secs_f64()
}

/// Waits until it has read and judged the whole journal.
async fn caught_up(stage: &BenchStage, env: &TestEnv) -> Result<ConsoleProcess> {
    let broker: Arc<dyn Broker> = Arc::new(RabbitMq::new(env.amqp_url(REDRIVE))?);
    let end = end(&broker).await?.map_or(0, |end| end + 1);
    let begun = Instant::now();
    let console = ConsoleProcess::start(stage, env).await?;
    let mut db = PgConnection::connect(console.database.url()).await?;
    loop {
        let left = "select next, exists (select from console.changed) from console.progress";
        let (next, has_more): (i64, bool) = sqlx::query_as(left).fetch_one(&mut db).await?;
        if !has_more && u64::try_from(next).is_ok_and(|next| next >= end) {
            return Ok(console);
        }
        ensure!(begun.elapsed() < PATIENCE, "the console has read {next} of {end} entries");
        sleep(LOOK_EVERY).await;
    }
}

async fn measure_causes(stage: &BenchStage, env: &TestEnv, sagas: usize) -> Result<HungFigures> {
    let console = caught_up(stage, env).await?;
    let client = console.client().await?;
    let publisher = JournalPublisher::new(env)?;
    for begin in (0..sagas).step_by(500) {
        let mut messages = Vec::new();
        for number in begin..sagas.min(begin + 500) {
            let saga = publisher.id();
            messages.push(publisher.event(OPENED, saga, None));
            let why = format!("account {number}: {}", CAUSES[number % CAUSES.len()]);
            messages.push(publisher.dead("b", OPENED, saga, &why));
        }
        publisher.publish(&messages).await?;
    }
    let begun = Instant::now();
    publisher.close().await;
    let each = sagas / CAUSES.len();
    let mut db = PgConnection::connect(console.database.url()).await?;
    loop {
        let dead = "select count(*) from console.saga where is_dead";
        let dead: i64 = sqlx::query_scalar(dead).fetch_one(&mut db).await?;
        if usize::try_from(dead).is_ok_and(|dead| dead >= sagas) {
            break;
        }
        ensure!(begun.elapsed() < PATIENCE, "the console has found {dead} of {sagas} sagas");
        sleep(LOOK_EVERY).await;
    }
    let page = console.page(&client, "/").await?;
    let seconds = begun.elapsed().as_secs_f64();
    for cause in CAUSES {
        ensure!(page.contains(cause), "the first page does not have {cause:?}, of {each} sagas");
    }
    Ok(HungFigures { sagas, causes: CAUSES.len(), seconds })
}
