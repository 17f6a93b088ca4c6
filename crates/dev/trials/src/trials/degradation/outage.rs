//! An outage: one service is killed while clients come, all operations are tried, and it is restarted.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use ballet_stage::wait_until;
use futures_util::future::try_join_all;

use crate::customers::begun_saga::BegunSaga;
use crate::customers::operation::{ClientAnswer, Operation};
use crate::trials::degradation::outages::Outages;
use crate::trials::scene::{PATIENCE, Scene};

const AT_ONCE: usize = 4;
const PAUSE: Duration = Duration::from_millis(500);
/// So many clients finish before the kill, and so many begin in the outage.
const ENOUGH: usize = 12;

#[derive(Debug)]
pub(crate) struct Outage {
    stopped: &'static str,
    seen: Vec<(&'static str, ClientAnswer)>,
    meanwhile: Option<SagaFate>,
    clients: usize,
    /// The time from the restart until every saga had ended and the system was quiescent.
    caught_up: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SagaFate {
    Completed,
    Waits,
    /// No saga begins, and the client asks again.
    Refused,
}

impl SagaFate {
    fn expected(scene: &Scene<'_>, operation: &Operation, stopped: &str) -> Self {
        match operation.fails_without(stopped) {
            true => Self::Refused,
            false if scene.subject.completes_by(stopped) => Self::Waits,
            false => Self::Completed,
        }
    }
}

pub(crate) async fn run(outages: &Outages<'_>, stopped: &'static str) -> Result<Outage> {
    let Outages { scene, .. } = outages;
    let over = AtomicBool::new(false);
    let before = scene.load.begun();
    let client = || async {
        while !over.load(Ordering::Relaxed) {
            scene.load.play().await.context("a client got no good answer")?;
            tokio::time::sleep(PAUSE).await;
        }
        anyhow::Ok(())
    };
    let outage = async {
        wait_for_clients(scene, before + ENOUGH + AT_ONCE, false).await?;
        outages.kill(stopped).await;
        let (seen, meanwhile) = try_operations(outages, stopped).await?;
        outages.start(stopped).await?;
        over.store(true, Ordering::Relaxed);
        anyhow::Ok((seen, meanwhile, Instant::now()))
    };
    let clients = try_join_all((0..AT_ONCE).map(|_| client()));
    let ((seen, meanwhile, started), _) = tokio::try_join!(outage, clients)?;
    outages.check_everything().await?;
    let caught_up = started.elapsed();
    let clients = scene.load.begun() - before;
    Ok(Outage { stopped, seen, meanwhile, clients, caught_up })
}

/// Waits until this many clients have begun, or, with `or_wait`, until all clients wait for an answer.
async fn wait_for_clients(scene: &Scene<'_>, count: usize, or_wait: bool) -> Result<()> {
    let come = wait_until("clients", PATIENCE, || async {
        let (begun, waiting) = (scene.load.begun(), scene.load.under_way.load(Ordering::Relaxed));
        let enough = begun >= count || (or_wait && waiting == AT_ONCE);
        if enough { Ok(Some(())) } else { Err(format!("{begun} have come, {waiting} wait")) }
    });
    Ok(come.await?)
}

/// Tries every operation while a service is stopped, and checks that each result is as expected.
async fn try_operations(
    outages: &Outages<'_>,
    stopped: &'static str,
) -> Result<(Vec<(&'static str, ClientAnswer)>, Option<SagaFate>)> {
    let Outages { scene, operations } = outages;
    let (mut all, mut followed) = (Vec::new(), None);
    let begun = scene.load.begun();
    for operation in operations.iter().filter(|operation| !operation.once) {
        all.push((operation.name, outages.try_until_expected(operation, stopped).await?));
    }
    for operation in operations.iter().filter(|operation| operation.once) {
        let (attempt, expected) =
            (operation.attempt().await?, outages.expected(operation, stopped));
        let (name, seen) = (operation.name, attempt.seen);
        ensure!(seen == expected, "{name}: expected {expected:?}, but saw {seen:?}");
        all.push((name, seen));
        if let Some(begun) = attempt.begun.clone() {
            scene.load.site.began(name, begun);
        }
        if operation.followed {
            followed = Some((SagaFate::expected(scene, operation, stopped), attempt.begun));
        }
    }
    // First, so that a saga that should wait had time to end wrongly.
    wait_for_clients(scene, begun + ENOUGH, true).await?;
    let meanwhile = followed.as_ref().map(|(meanwhile, _)| *meanwhile);
    if let Some((meanwhile, begun)) = followed {
        check_saga(scene, stopped, meanwhile, begun).await?;
    }
    // In the system's order.
    let at = |name: &str| operations.iter().position(|operation| operation.name == name);
    all.sort_by_key(|(name, _)| at(name));
    Ok((all, meanwhile))
}

async fn check_saga(
    scene: &Scene<'_>,
    stopped: &str,
    meanwhile: SagaFate,
    begun: Option<BegunSaga>,
) -> Result<()> {
    match (meanwhile, begun) {
        (SagaFate::Refused, None) => Ok(()),
        (SagaFate::Completed, Some(BegunSaga { saga, end })) => {
            let ended = scene.ends(saga).await?;
            ensure!(ended == end, "saga {saga} ended as {ended:?}, and not as {end:?}");
            Ok(())
        }
        (SagaFate::Waits, Some(BegunSaga { saga, .. })) => {
            let waits = wait_until("a message that waits", PATIENCE, || async {
                let depth = scene.run.stage.env.management().depth(stopped).await?;
                Ok::<_, ballet_stage::Error>((depth.ready > 0).then_some(()))
            });
            waits.await?;
            let ended = scene.ended(saga);
            ensure!(ended.is_none(), "without {stopped} saga {saga} has ended: {ended:?}");
            Ok(())
        }
        (meanwhile, begun) => {
            anyhow::bail!("a saga should be {meanwhile:?}, but it is {begun:?}");
        }
    }
}

impl fmt::Display for Outage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { stopped, seen, meanwhile, clients, caught_up } = self;
        writeln!(f, "without {stopped}:")?;
        for (name, seen) in seen {
            writeln!(f, "  {name:<28} {}", seen.words())?;
        }
        if let Some(meanwhile) = meanwhile {
            writeln!(f, "  {:<28} {meanwhile:?}", "what begins meanwhile")?;
        }
        write!(
            f,
            "  {clients} clients got what they must, {:.1} s after it was back",
            caught_up.as_secs_f64()
        )
    }
}
