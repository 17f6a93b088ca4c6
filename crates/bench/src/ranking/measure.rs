//! Fills the minutes of two days, and asks for the most watched titles.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use ballet::Settings;
use ballet::core::{System, topology};
use ballet_stage::TestEnv;
use reqwest::Client;
use serde_json::Value;
use sqlx::PgConnection;
use tokio::time::{MissedTickBehavior, interval};

use crate::ranking::figures::{RankingFigures, WindowFigures};
use crate::runs::stage::{BenchStage, admin};

const SERVICE: &str = "analytics";
const WINDOWS: [&str; 2] = ["hour", "day"];
/// The minutes that analytics keeps.
const KEPT_MINUTES: i64 = 2 * 24 * 60;
/// The pause between two questions. A ranking is computed anew many times in a run.
const TICK: Duration = Duration::from_millis(20);

/// The extent of the measurement.
#[derive(Debug, Clone, Copy)]
pub struct RankingExtent {
    /// The approximate number of minutes that were watched.
    pub minutes: i64,
    /// The titles that somebody watches in each minute.
    pub titles: i64,
    /// The seconds of asking.
    pub seconds: u64,
}

/// Measures rankings. `say` is called with each task.
///
/// # Errors
///
/// If the service does not start, or does not answer as it should.
pub async fn measure(
    stage: &BenchStage,
    extent: RankingExtent,
    say: impl Fn(&str),
) -> Result<RankingFigures> {
    let system = System { name: "streaming", parts: vec![analytics::participant().part()] };
    let definitions = topology::definitions(&system, |_| String::new());
    let env = TestEnv::new(&stage.servers, "ranking", &definitions, &[SERVICE]).await?;
    let settings = Settings::new(env.amqp_url(SERVICE), env.database_url(SERVICE));
    let running = analytics::service().start(settings).await?;
    let url = format!("http://{}/most-watched", running.address());
    let measured = async {
        let (minutes, rows) = fill(&mut admin(&env, SERVICE).await?, extent).await?;
        say(&format!("ranking: {minutes} minutes are there, in {rows} rows"));
        let windows = ask(&url, extent).await?;
        Ok(RankingFigures { minutes, rows, windows })
    };
    let measured = measured.await;
    running.stop().await;
    env.close().await?;
    measured
}

/// Adds watched minutes, distributed as in life: few titles have most viewers. Returns the minutes and the rows.
async fn fill(db: &mut PgConnection, extent: RankingExtent) -> Result<(i64, i64)> {
    sqlx::query(
        "insert into title_minute (title_id, minute, viewers, watched_seconds)
         select ids.id, date_trunc('minute', now()) - make_interval(mins => minute), viewers, viewers * 60
         from generate_series(0, $1 - 1) as minute, (
             select title, gen_random_uuid() as id, greatest(1, round($2 / power(title, 0.8)
                 / sum(1 / power(title, 0.8)) over ()))::int as viewers
             from generate_series(1, $3) as title
         ) as ids
         order by minute desc, ids.id",
    )
    .bind(i32::try_from(KEPT_MINUTES)?)
    .bind(f64::from(i32::try_from(extent.minutes / KEPT_MINUTES)?))
    .bind(i32::try_from(extent.titles)?)
    .execute(&mut *db)
    .await?;
    sqlx::query(
        "insert into title_hour (title_id, hour, watched_seconds, peak)
         select title_id, date_trunc('hour', minute), sum(watched_seconds), max(viewers)
         from title_minute group by 1, 2",
    )
    .execute(&mut *db)
    .await?;
    sqlx::raw_sql("vacuum analyze title_minute, title_hour").execute(&mut *db).await?;
    let all = "select (sum(watched_seconds) / 60)::bigint, count(*) from title_minute";
    let all = sqlx::query_as(all).fetch_one(&mut *db).await?;
    Ok(all)
}

async fn ask(url: &str, extent: RankingExtent) -> Result<Vec<WindowFigures>> {
    let client = Client::builder().no_proxy().build().context("cannot set up HTTP")?;
    let mut windows = Vec::new();
    for name in WINDOWS {
        let first = time_answer(&client, url, name).await?;
        windows.push(WindowFigures { name, first, latencies: Vec::new() });
    }
    let (begun, seconds) = (Instant::now(), Duration::from_secs(extent.seconds));
    let mut every = interval(TICK);
    every.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while begun.elapsed() < seconds {
        every.tick().await;
        for window in &mut windows {
            window.latencies.push(time_answer(&client, url, window.name).await?);
        }
    }
    Ok(windows)
}

/// Asks once, and returns the time of the answer, in milliseconds.
async fn time_answer(client: &Client, url: &str, window: &str) -> Result<f64> {
    let begun = Instant::now();
    let request = client.get(url).query(&[("window", window), ("limit", "100")]);
    let ranking: Value = request.send().await?.error_for_status()?.json().await?;
    let took = begun.elapsed().as_secs_f64() * 1e3;
    let titles = ranking["titles"].as_array().map_or(0, Vec::len);
    ensure!(titles == 100, "the ranking of the {window} has {titles} titles");
    Ok(took)
}
