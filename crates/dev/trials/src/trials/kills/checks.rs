//! The conditions that hold after every kill.

use std::time::Duration;

use anyhow::{Result, bail, ensure};
use ballet::core::topology::DEAD;
use ballet_ops::audit::Report;
use ballet_stage::wait_until;
use jiff::SignedDuration;
use uuid::Uuid;

use crate::trials::oracle;
use crate::trials::scene::{PATIENCE, Scene};

/// No service knows this type, and its dead letters are no fault.
pub(crate) const UNKNOWN: &str = "nobody.knows_this.v1";
/// Dead letters taken at once.
const SOME: u32 = 10;

/// Waits for quiescence, and checks that nothing is lost, doubled or broken. Returns the number of rows.
pub(crate) async fn check_everything(scene: &Scene<'_>) -> Result<usize> {
    // A strange message's dead letter comes twice if the process dies between publishing it and the ack.
    tokio::select! {
        failed = take_all_dead_letters(scene) => { failed?; bail!("it never returns by itself") }
        checked = oracle::ensure_all_holds(scene) => Ok(checked?.rows),
    }
}

/// Waits for the ends in every service, and checks that nothing is wrong.
pub(crate) async fn check_sagas(scene: &Scene<'_>, sagas: &[Uuid]) -> Result<()> {
    let Scene { subject, run, load, .. } = scene;
    let known = load.sagas.all();
    for saga in sagas {
        let (ended, placed) = (scene.ends(*saga).await?, known.get(saga));
        let right = placed.is_some_and(|placed| placed.end == ended);
        ensure!(right, "saga {saga} ended as {ended:?}, and not as {placed:?} says");
    }
    let ids: Vec<String> = sagas.iter().map(Uuid::to_string).collect();
    let sound = wait_until("sound sagas", PATIENCE, || async {
        let endpoints = run.endpoints().await?;
        let broker = endpoints.broker().await?;
        let framework = subject.framework(&endpoints, &broker, SignedDuration::ZERO).await;
        // The business rows take as long again, so they are read only once this passes.
        check_report(&framework, &ids)?;
        let all = subject.business(&endpoints, framework, SignedDuration::ZERO).await;
        check_report(&all, &ids).map(Some)
    });
    Ok(sound.await?)
}

/// They all have to be strange. Returns their number.
pub(crate) async fn take_dead_letters(scene: &Scene<'_>, service: &str) -> Result<usize> {
    let queue = format!("{service}.{DEAD}");
    let taken = scene.run.stage.env.management().take(&queue, SOME).await?;
    for letter in &taken {
        ensure!(letter["properties"]["type"] == UNKNOWN, "{queue} has {letter}");
    }
    Ok(taken.len())
}

/// Returns only with an error.
async fn take_all_dead_letters(scene: &Scene<'_>) -> Result<()> {
    loop {
        for service in scene.run.services() {
            take_dead_letters(scene, service).await?;
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

fn check_report(report: &Report, sagas: &[String]) -> Result<()> {
    let Report { violations, open, recent, away, .. } = report;
    let of_sagas = |line: &&String| sagas.iter().any(|saga| line.contains(saga));
    let wrong = [violations, open, recent].into_iter().flatten().filter(of_sagas).chain(away);
    let wrong: Vec<&str> = wrong.map(String::as_str).collect();
    ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
    Ok(())
}
