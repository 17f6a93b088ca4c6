//! Fills an index, sends positions at a steady rate, and times searches and the way of a position into the answers.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use ballet::core::topology;
use ballet::{Running, Settings};
use ballet_stage::TestEnv;
use jiff::{SignedDuration, Timestamp};
use location::index::DriverIndex;
use rides_events::location::Position;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, sleep};

use crate::places::figures::Places;
use crate::places::town::{lonely, place, seen};
use crate::runs::stage::Stage;

const LOCATION: &str = "location";
const TICK: Duration = Duration::from_millis(10);
const TICKS: u32 = 100;
/// As a step asks first.
const ENOUGH: usize = 16;
/// The pause between two searches, between two looks for a position, and between two positions that are timed.
const SEARCH: Duration = Duration::from_millis(1);
const LOOK: Duration = Duration::from_millis(1);
const TIMED: Duration = Duration::from_millis(50);
/// For a position that does not come.
const LIMIT: Duration = Duration::from_secs(30);

/// How much is measured.
#[derive(Debug, Clone, Copy)]
pub struct Extent {
    /// The drivers in memory.
    pub drivers: u32,
    /// The positions of a second.
    pub rate: u32,
    /// For how many seconds they come.
    pub seconds: u32,
}

/// Measures all. `say` is told what is under way.
///
/// # Errors
///
/// If the service does not start, or a position does not come.
pub async fn measure(stage: &Stage, extent: Extent, say: impl Fn(&str)) -> Result<Places> {
    let definitions = topology::definitions(&rides::system(), |_| String::new());
    let env = TestEnv::new(&stage.servers, "places", &definitions, &[LOCATION]).await?;
    let measured = on(&env, extent, say).await;
    env.close().await?;
    measured
}

async fn on(env: &TestEnv, extent: Extent, say: impl Fn(&str)) -> Result<Places> {
    // Nobody falls silent meanwhile.
    let index = DriverIndex::new(SignedDuration::from_hours(1));
    let settings = Settings::new(env.amqp_url(LOCATION), env.database_url(LOCATION));
    let running = location::service_with(index.clone()).start(settings).await?;
    let now = running.handle().now();
    for number in 0..extent.drivers {
        index.note_all([&seen(number, place(number, 0)?, now)], now);
    }
    say(&format!("places: {} drivers are in memory", extent.drivers));
    let over = Arc::new(AtomicBool::new(false));
    let searching = {
        let (index, over) = (index.clone(), Arc::clone(&over));
        tokio::task::spawn_blocking(move || searches(&index, now, &over))
    };
    let ages =
        tokio::spawn(ages(running.handle().clone(), index, extent.drivers, Arc::clone(&over)));
    let flooded = flood(&running, extent).await;
    over.store(true, Ordering::Relaxed);
    let (searches, ages) = (searching.await??, ages.await??);
    let (confirmed, refused) = flooded?;
    running.stop().await;
    let Extent { drivers, rate: wanted, .. } = extent;
    Ok(Places { drivers, wanted, confirmed, refused, searches, ages })
}

/// What searches take, in milliseconds.
fn searches(index: &DriverIndex, now: Timestamp, over: &AtomicBool) -> Result<Vec<f64>> {
    let mut took = Vec::new();
    for number in 0.. {
        if over.load(Ordering::Relaxed) {
            break;
        }
        let (from, begun) = (place(number, 77)?, Instant::now());
        let near = index.nearest(from, ENOUGH, now);
        took.push(begun.elapsed().as_secs_f64() * 1e3);
        if near.len() < ENOUGH {
            bail!("{} drivers are near {from:?}, {ENOUGH} are wanted", near.len());
        }
        std::thread::sleep(SEARCH);
    }
    Ok(took)
}

/// How old a position is when it is in the answers, in milliseconds: from before it is sent.
async fn ages(
    handle: ballet::Handle,
    index: DriverIndex,
    number: u32,
    over: Arc<AtomicBool>,
) -> Result<Vec<f64>> {
    let positions = handle.telemetry::<Position>();
    let mut ages = Vec::new();
    for step in 0.. {
        if over.load(Ordering::Relaxed) {
            break;
        }
        let (at, begun) = (lonely(step)?, Instant::now());
        let position = seen(number, at, handle.now());
        positions.send_later(&position);
        while index.nearest(at, 1, position.seen_at).first().is_none_or(|near| near.at != at) {
            if begun.elapsed() > LIMIT {
                bail!("a position is not in the answers after {LIMIT:?}");
            }
            sleep(LOOK).await;
        }
        ages.push(begun.elapsed().as_secs_f64() * 1e3);
        sleep(TIMED).await;
    }
    Ok(ages)
}

/// Sends positions at a steady rate. Returns how many of a second were confirmed, and how many were not.
async fn flood(running: &Running, extent: Extent) -> Result<(f64, usize)> {
    let positions = running.handle().telemetry::<Position>();
    let mut every = interval(TICK);
    // What a busy machine delays is sent all the same.
    every.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let (mut sending, mut number, begun) = (JoinSet::new(), 0_u32, Instant::now());
    for _ in 0..extent.seconds * TICKS {
        every.tick().await;
        for _ in 0..extent.rate / TICKS {
            let driver = number.wrapping_mul(7_919) % extent.drivers;
            let position = seen(driver, place(driver, 1 + number % 5)?, running.handle().now());
            let positions = positions.clone();
            sending.spawn(async move { positions.send(&position).await.is_ok() });
            number = number.wrapping_add(1);
        }
    }
    let (mut confirmed, mut refused) = (0_u32, 0);
    while let Some(sent) = sending.join_next().await {
        if sent.context("a position was not sent")? { confirmed += 1 } else { refused += 1 }
    }
    Ok((f64::from(confirmed) / begun.elapsed().as_secs_f64(), refused))
}
