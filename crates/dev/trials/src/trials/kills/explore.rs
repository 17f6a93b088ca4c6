//! Runs every path, and notes the points that it reaches.

use std::cell::Cell;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use ballet::core::Part;
use ballet_ops::terminal::ui;
use ballet_stage::wait_until;

use crate::trials::kills::aims;
use crate::trials::kills::checks::check_everything;
use crate::trials::kills::path::SystemPath;
use crate::trials::kills::plan::{LeadingPaths, plan};
use crate::trials::kills::process::TargetProcess;
use crate::trials::scene::Scene;

/// Rounds over all paths. An earlier or later cancel reaches other points.
const ROUNDS: usize = 8;
/// Without a new point for this long, there will be none.
const QUIET: Duration = Duration::from_millis(600);
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) async fn explore(
    scene: &Scene<'_>,
    processes: &[TargetProcess<'_>],
) -> Result<LeadingPaths> {
    let mut leading = LeadingPaths::new();
    for round in 0..ROUNDS {
        let left = if round > 0 { missing(scene, &leading) } else { Vec::new() };
        if let Some(first) = left.first() {
            ui::say(&format!("round {round} of {ROUNDS}: {} points are left; {first}", left.len()));
        }
        for path in SystemPath::all(scene, round) {
            if round > 0 && missing(scene, &leading).is_empty() {
                return Ok(leading);
            }
            path.go(scene).await.with_context(|| path.to_string())?;
            // Later points, such as a late refund's, would count as the next path's.
            check_everything(scene).await.with_context(|| path.to_string())?;
            quiet(processes).await?;
            for process in processes {
                for line in process.seen() {
                    leading.entry((process.service, line)).or_insert(path);
                }
            }
        }
    }
    Ok(leading)
}

/// The points that no path has reached so far, in sentences.
fn missing(scene: &Scene<'_>, leading: &LeadingPaths) -> Vec<String> {
    let of = |part: &Part| plan(scene.subject, &aims::of(part), part.service, leading).1;
    scene.run.system.parts.iter().flat_map(of).collect()
}

async fn quiet(processes: &[TargetProcess<'_>]) -> Result<()> {
    let count = || processes.iter().map(|process| process.seen().len()).sum::<usize>();
    let last = Cell::new((count(), Instant::now()));
    let quiet = wait_until("no new points", PATIENCE, || async {
        let (seen, since) = last.get();
        if count() != seen {
            last.set((count(), Instant::now()));
        }
        Ok::<_, String>((count() == seen && since.elapsed() > QUIET).then_some(()))
    });
    Ok(quiet.await?)
}
