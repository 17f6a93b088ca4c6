//! Measures a console, on a journal and on its own database.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use ballet::core::topology::REDRIVE;
use ballet_amqp::RabbitMq;
use ballet_ops::stream::{JournalItem, JournalReader, Start};
use ballet_stage::TestEnv;
use sqlx::{Connection, PgConnection};
use tokio::time::sleep;

use crate::console::journal::JournalPublisher;
use crate::console::pages;
use crate::contestants::contestant::Contestant;
use crate::report::outcome::FigureRow;
use crate::runs::console_process::ConsoleProcess;
use crate::runs::stage::BenchStage;

const LOOK_EVERY: Duration = Duration::from_millis(20);
const PATIENCE: Duration = Duration::from_secs(300);
/// The number of events in a saga.
const EACH: usize = 6;
const RATE: &str = "entries/s";

/// Measures everything. `say` gets each task.
///
/// # Errors
///
/// The console does not start, or shows something else than it should.
pub async fn measure(
    stage: &BenchStage,
    is_quick: bool,
    say: impl Fn(&str),
) -> Result<Vec<FigureRow>> {
    let (events, entries, times) =
        if is_quick { (60_000, 100_000, 10) } else { (300_000, 10_000_000, 100) };
    let env = stage.env(Contestant::Ballet).await?;
    let measured = async {
        let mut rows = follow(stage, &env, events).await?;
        say("console: the journal is followed");
        let console = ConsoleProcess::start(stage, &env).await?;
        rows.extend(pages::measure(&console, entries, times, &say).await?);
        Ok(rows)
    };
    let measured = measured.await;
    env.close().await?;
    measured
}

/// A reader that does nothing with the entries, and then a console.
async fn follow(stage: &BenchStage, env: &TestEnv, events: usize) -> Result<Vec<FigureRow>> {
    let publisher = JournalPublisher::new(env)?;
    let sagas: Vec<_> = (0..events / EACH).map(|_| publisher.id()).collect();
    for some in sagas.chunks(500) {
        let messages: Vec<_> =
            (0..EACH).flat_map(|_| some.iter().map(|saga| publisher.event(*saga))).collect();
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
    let bare = rate(all, begun.elapsed());
    drop(reader);
    let console = ConsoleProcess::start(stage, env).await?;
    let mut db = PgConnection::connect(console.database.url()).await?;
    let begun = Instant::now();
    // The console's start does not count.
    let (mut since, mut first) = (begun, 0);
    loop {
        let next = "select next from console.progress";
        let next: i64 = sqlx::query_scalar(next).fetch_one(&mut db).await?;
        let next = usize::try_from(next)?;
        if first == 0 {
            (since, first) = (Instant::now(), next);
        }
        if next >= all {
            let followed = rate(all - first, since.elapsed());
            return Ok(vec![
                FigureRow::of("bare reader", &[(RATE, bare)]),
                FigureRow::of("console", &[(RATE, followed), ("MB", console.memory()?)]),
            ]);
        }
        ensure!(begun.elapsed() < PATIENCE, "the console has read {next} of {all} entries");
        sleep(LOOK_EVERY).await;
    }
}

fn rate(entries: usize, time: Duration) -> f64 {
    f64::from(u32::try_from(entries).unwrap_or(u32::MAX)) / time.as_secs_f64()
}
