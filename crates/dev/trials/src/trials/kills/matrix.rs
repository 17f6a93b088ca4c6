//! The matrix: every aim is reached once, and the process really dies.

use std::iter::repeat_n;
use std::pin::pin;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use ballet_ops::terminal::ui;
use futures_util::StreamExt;
use futures_util::future::{FutureExt, LocalBoxFuture};
use futures_util::stream::FuturesUnordered;
use tokio::sync::Notify;
use tokio::time::timeout;
use uuid::Uuid;

use crate::trials::kills::aims::Aim;
use crate::trials::kills::checks::check_sagas;
use crate::trials::kills::path::SystemPath;
use crate::trials::kills::plan::KillCase;
use crate::trials::kills::process::TargetProcess;
use crate::trials::scene::Scene;

/// Runs of an aim's leading path before all others. A race may have led there by chance.
const ATTEMPTS: usize = 4;
/// The number of runs of the other paths.
const ROUNDS: usize = 2;
/// The limit for actions of a process when a table's turn is over.
const BY_ITSELF: Duration = Duration::from_secs(60);
/// After so many cases of a service their sagas are judged.
const TOGETHER: usize = 8;
/// The limit for what happens beside a saga, and after it: acks, marks.
const AFTERWARDS: Duration = Duration::from_secs(3);

type PathsUnderWay<'a> = FuturesUnordered<LocalBoxFuture<'a, Result<Option<Uuid>>>>;

/// A case does not wait for the saga before. Every few cases all sagas have to have ended well.
pub(crate) async fn run_all(
    process: &TargetProcess<'_>,
    cases: &[KillCase],
    scene: &Scene<'_>,
) -> Result<()> {
    for cases in cases.chunks(TOGETHER) {
        let (mut under_way, mut sagas) = (PathsUnderWay::new(), Vec::new());
        for case in cases {
            run(case, process, scene, &mut under_way, &mut sagas).await?;
        }
        while let Some(gone) = under_way.next().await {
            sagas.extend(gone?);
        }
        check_sagas(scene, &sagas).await.with_context(|| process.service)?;
    }
    Ok(())
}

/// Runs a case's path until the process is dead, and starts the process again.
async fn run<'a>(
    case: &KillCase,
    process: &'a TargetProcess<'_>,
    scene: &'a Scene<'_>,
    under_way: &mut PathsUnderWay<'a>,
    sagas: &mut Vec<Uuid>,
) -> Result<()> {
    let begun = Instant::now();
    let lines: Vec<String> = case.aims.iter().map(Aim::line).collect();
    let name = format!("{} {}", process.service, lines.join(", then "));
    let others = (0..ROUNDS).flat_map(|round| SystemPath::all(scene, round));
    for (number, path) in repeat_n(case.path, ATTEMPTS).chain(others).enumerate() {
        process.aim(&lines[0])?;
        let by_itself = case.by_itself;
        let in_vain = Rc::new(Notify::new());
        let told = Rc::clone(&in_vain);
        let going = async move {
            let gone = path.go(scene).await;
            if !by_itself {
                told.notify_one();
            }
            gone
        };
        under_way.push(going.boxed_local());
        let too_late = async {
            in_vain.notified().await;
            tokio::time::sleep(AFTERWARDS).await;
        };
        let died = beside(under_way, sagas, async {
            tokio::select! {
                died = timeout(BY_ITSELF, process.wait_for_death()) => died.ok().transpose(),
                () = too_late => Ok(None),
            }
        });
        let died = died.await?.with_context(|| name.clone())?.is_some();
        if !died && process.spare() {
            continue;
        }
        let again = async {
            process.wait_for_death().await?;
            for line in &lines[1..] {
                process.dies_at_its_start(line).await?;
            }
            process.start().await
        };
        beside(under_way, sagas, again).await?.with_context(|| name.clone())?;
        ui::say(&format!("{name}: {path}, attempt {}, {:.1?}", number + 1, begun.elapsed()));
        return Ok(());
    }
    bail!("{name}: neither {} nor another path leads to it again", case.path)
}

async fn beside<T>(
    under_way: &mut PathsUnderWay<'_>,
    sagas: &mut Vec<Uuid>,
    work: impl Future<Output = T>,
) -> Result<T> {
    let mut work = pin!(work);
    loop {
        tokio::select! {
            done = &mut work => return Ok(done),
            Some(gone) = under_way.next() => sagas.extend(gone?),
        }
    }
}
