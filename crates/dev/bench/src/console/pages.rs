//! Measures pages that search among very many entries.

use std::time::Instant;

use anyhow::Result;

use crate::console::table;
use crate::report::outcome::{FigureRow, quantile};
use crate::runs::console_process::ConsoleProcess;

const P95: &str = "p95 ms";
const PATHS: [&str; 12] = [
    "/",
    "/sagas",
    "/sagas?page=100",
    "/sagas?q=order-00000321",
    "/sagas?q=customer-0000",
    "/sagas?q=account+320",
    "/sagas?q=cfcd208495d565ef66e7dff9f98764da",
    "/sagas?q=98764da",
    "/sagas?state=stuck&reason=cause+3",
    "/sagas?state=completed&age=10m",
    "/sagas?q=no+such+thing",
    "/sagas/cfcd2084-95d5-65ef-66e7-dff9f98764da",
];

pub(super) async fn measure(
    console: &ConsoleProcess,
    entries: i64,
    times: usize,
    say: &impl Fn(&str),
) -> Result<Vec<FigureRow>> {
    let begun = Instant::now();
    table::fill(console.database.url(), entries).await?;
    say(&format!("console: {entries} entries in {:.0?}", begun.elapsed()));
    let client = console.client().await?;
    let (mut rows, mut slowest) = (Vec::new(), 0.0_f64);
    for path in PATHS {
        let mut latencies = Vec::new();
        for _ in 0..times {
            let begun = Instant::now();
            console.page(&client, path).await?;
            latencies.push(begun.elapsed().as_secs_f64() * 1_000.0);
        }
        let took = quantile(&latencies, 0.95);
        slowest = slowest.max(took);
        rows.push(FigureRow::of(path, &[(P95, took)]));
    }
    rows.push(FigureRow::of("slowest page", &[(P95, slowest)]));
    Ok(rows)
}
