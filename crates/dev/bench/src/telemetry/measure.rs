//! Fills streams for the reader and the bare loop in turn, and sends a flood that two services read.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use ballet::core::{System, topology};
use ballet::{Running, Service, Settings, Telemetry};
use ballet_stage::{TestEnv, wait_until};
use ballet_store::telemetry::reader_places;
use sqlx::{Connection, PgConnection};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};

use crate::report::outcome::{FigureRow, quantile};
use crate::runs::figures::{MESSAGES, P50, P99};
use crate::runs::stage::{BenchStage, admin};
use crate::telemetry::bare;
use crate::telemetry::beats::{Beat, KEEPER, METER, WATCHER, participants, services};

const DEVICES: u32 = 5_000;
/// Messages sent side by side for the backlog.
const SIDE_BY_SIDE: usize = 1_000;
const TICK: Duration = Duration::from_millis(10);
const TICKS: u32 = 100;
/// Then something hangs.
const LIMIT: Duration = Duration::from_secs(600);

/// The messages a second of the flood.
const RATE: u32 = 5_000;

/// Measures everything. `say` gets each task.
///
/// # Errors
///
/// If a service does not start, or something is not read.
pub async fn measure(
    stage: &BenchStage,
    is_quick: bool,
    say: impl Fn(&str),
) -> Result<Vec<FigureRow>> {
    let parts = participants().iter().map(ballet::Participant::part).collect();
    let system = System { name: "telemetry", parts };
    let definitions = topology::definitions(&system, |_| String::new());
    let names = [METER, KEEPER, WATCHER];
    let env = TestEnv::new(&stage.servers, "telemetry", &definitions, &names).await?;
    let measured = on(&env, is_quick, say).await;
    env.close().await?;
    measured
}

async fn on(env: &TestEnv, is_quick: bool, say: impl Fn(&str)) -> Result<Vec<FigureRow>> {
    let (rounds, backlog, seconds) = if is_quick { (1, 20_000, 2) } else { (5, 200_000, 20) };
    let [meter, keeper, watcher] = services();
    // The services create their tables.
    let (meter, once) = (started(env, METER, meter).await?, started(env, KEEPER, keeper).await?);
    once.stop().await;
    fill(&meter, backlog).await?;
    say(&format!("telemetry: {backlog} messages are there"));
    let mut rows = ["reader", "bare loop"].map(FigureRow::new);
    for round in 0..rounds {
        // Each goes first in every other round.
        for turn in [round, round + 1] {
            let (row, is_reader) = (&mut rows[turn % 2], turn % 2 == 0);
            row.add(&[(MESSAGES, read_backlog(env, backlog, is_reader).await?)]);
        }
        say(&format!("telemetry: round {} is over", round + 1));
    }
    let [_, keeper, _] = services();
    let keeper = started(env, KEEPER, keeper).await?;
    let watcher = started(env, WATCHER, watcher).await?;
    for service in [KEEPER, WATCHER] {
        has_read(env, service, backlog).await?;
    }
    say("telemetry: the flood begins");
    let flood = flood(env, &meter, backlog, seconds).await?;
    for running in [meter, keeper, watcher] {
        running.stop().await;
    }
    Ok(rows.into_iter().chain([flood]).collect())
}

async fn started(env: &TestEnv, name: &str, service: Service) -> Result<Running> {
    let settings = Settings::new(env.amqp_url(name), env.database_url(name));
    Ok(service.start(settings).await?)
}

fn beat(number: u32) -> Beat {
    Beat { device: format!("device-{}", number % DEVICES), number: i64::from(number) }
}

async fn fill(meter: &Running, messages: u32) -> Result<()> {
    let publisher = meter.handle().telemetry::<Beat>();
    let mut sending = JoinSet::new();
    for number in 0..messages {
        if sending.len() >= SIDE_BY_SIDE
            && let Some(sent) = sending.join_next().await
        {
            sent??;
        }
        let publisher = publisher.clone();
        sending.spawn(async move { publisher.send(&beat(number)).await });
    }
    while let Some(sent) = sending.join_next().await {
        sent??;
    }
    Ok(())
}

/// Messages a second between the first and the last batch.
async fn read_backlog(env: &TestEnv, backlog: u32, by_reader: bool) -> Result<f64> {
    let mut db = admin(env, KEEPER).await?;
    sqlx::raw_sql("truncate beat, bare_place, ballet.telemetry_reader").execute(&mut db).await?;
    if by_reader {
        let [_, keeper, _] = services();
        let keeper = started(env, KEEPER, keeper).await?;
        all_rows(&mut db, backlog).await?;
        keeper.stop().await;
    } else {
        let mut reading = JoinSet::new();
        for partition in 0..Beat::TYPE.partition_count() {
            let urls = (env.ops_amqp_url().to_owned(), env.admin_database_url(KEEPER).to_owned());
            reading.spawn(async move { bare::read(&urls.0, &urls.1, partition).await });
        }
        tokio::select! {
            read = all_rows(&mut db, backlog) => read?,
            Some(ended) = reading.join_next() => ended??,
        }
        reading.shutdown().await;
    }
    let took = "select extract(epoch from max(at) - min(at))::float8 from beat";
    let took: f64 = sqlx::query_scalar(took).fetch_one(&mut db).await?;
    Ok(f64::from(backlog) / took)
}

async fn all_rows(db: &mut PgConnection, backlog: u32) -> Result<()> {
    let db = tokio::sync::Mutex::new(db);
    wait_until("the backlog to be read", LIMIT, || async {
        let mut db = db.lock().await;
        let rows: i64 =
            sqlx::query_scalar("select count(*) from beat").fetch_one(&mut **db).await?;
        if rows == i64::from(backlog) {
            return Ok(Some(()));
        }
        Err(sqlx::Error::Protocol(format!("{rows} rows")))
    })
    .await?;
    Ok(())
}

async fn has_read(env: &TestEnv, service: &str, messages: u32) -> Result<()> {
    let db = tokio::sync::Mutex::new(PgConnection::connect(env.admin_database_url(service)).await?);
    wait_until("all to be read", LIMIT, || async {
        let mut db = db.lock().await;
        let read: i64 = reader_places::all(&mut db).await?.iter().map(|one| one.read_count).sum();
        if read == i64::from(messages) {
            return Ok(Some(()));
        }
        Err(sqlx::Error::Protocol(format!("{read} read")))
    })
    .await?;
    Ok(())
}

async fn flood(env: &TestEnv, meter: &Running, backlog: u32, seconds: u32) -> Result<FigureRow> {
    let publisher = meter.handle().telemetry::<Beat>();
    let mut every = interval(TICK);
    // A busy machine delays messages, but drops none.
    every.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let (mut sending, mut number) = (JoinSet::new(), backlog);
    let begun = Instant::now();
    for _ in 0..seconds * TICKS {
        every.tick().await;
        for _ in 0..RATE / TICKS {
            let publisher = publisher.clone();
            sending.spawn(async move {
                let begun = Instant::now();
                let sent = publisher.send(&beat(number)).await;
                sent.map(|()| begun.elapsed().as_secs_f64() * 1e3)
            });
            number += 1;
        }
    }
    let (mut latencies, mut refused) = (Vec::new(), 0.0);
    while let Some(sent) = sending.join_next().await {
        match sent? {
            Ok(took) => latencies.push(took),
            Err(_) => refused += 1.0,
        }
    }
    let (took, last) = (begun.elapsed().as_secs_f64(), Instant::now());
    let confirmed = u32::try_from(latencies.len()).context("too many")?;
    if confirmed == 0 {
        bail!("nothing was confirmed");
    }
    let all = backlog + confirmed;
    tokio::try_join!(has_read(env, KEEPER, all), has_read(env, WATCHER, all))?;
    let behind = last.elapsed().as_secs_f64();
    let confirmed = f64::from(confirmed) / took;
    Ok(FigureRow::of(
        "flood",
        &[
            (MESSAGES, confirmed),
            ("of wanted", confirmed / f64::from(RATE)),
            ("refused", refused),
            (P50, quantile(&latencies, 0.5)),
            (P99, quantile(&latencies, 0.99)),
            ("s behind", behind),
        ],
    ))
}
