//! Fills an index, sends positions at a steady rate, and times searches and the way of a position to the answers.

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

use crate::places::figures::PlacesFigures;
use crate::places::town::{place, remote_place, seen};
use crate::runs::stage::BenchStage;

const LOCATION: &str = "location";
const TICK: Duration = Duration::from_millis(10);
const TICKS: u32 = 100;
/// The number of drivers that a step asks for at first.
const ENOUGH: usize = 16;
/// The pause between two searches, between two looks for a position, and between two timed positions.
const SEARCH: Duration = Duration::from_millis(1);
const LOOK: Duration = Duration::from_millis(1);
const TIMED: Duration = Duration::from_millis(50);
/// The time after which a position is missing.
const LIMIT: Duration = Duration::from_secs(30);

/// The extent of the measurement.
#[derive(Debug, Clone, Copy)]
pub struct PlacesExtent {
    /// The drivers in memory.
    pub drivers: u32,
    /// The positions a second.
    pub rate: u32,
    /// The seconds of that.
    pub seconds: u32,
}

/// Measures everything. `say` is called with each task.
///
/// # Errors
///
/// If the service does not start, or a position does not come.
pub async fn measure(
    stage: &BenchStage,
    extent: PlacesExtent,
    say: impl Fn(&str),
) -> Result<PlacesFigures> {
    let definitions = topology::definitions(&rides::system(), |_| String::new());
    let env = TestEnv::new(&stage.servers, "places", &definitions, &[LOCATION]).await?;
    let measured = on(&env, extent, say).await;
    env.close().await?;
    measured
}

async fn on(env: &TestEnv, extent: PlacesExtent, say: impl Fn(&str)) -> Result<PlacesFigures> {
    // Long enough that no driver falls silent meanwhile.
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
    let PlacesExtent { drivers, rate: wanted, .. } = extent;
    Ok(PlacesFigures { drivers, wanted, confirmed, refused, searches, ages })
}

/// Times the searches, in milliseconds.
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

/// Measures the ages of positions when answers first have them, in milliseconds, from before they are sent.
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
        let (at, begun) = (remote_place(step)?, Instant::now());
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

/// Sends positions at a steady rate. Returns the confirmed ones a second, and the number of unconfirmed ones.
async fn flood(running: &Running, extent: PlacesExtent) -> Result<(f64, usize)> {
    let positions = running.handle().telemetry::<Position>();
    let mut every = interval(TICK);
    // A busy machine delays positions, but drops none.
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
