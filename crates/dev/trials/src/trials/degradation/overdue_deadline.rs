//! A saga whose deadline passes while a service is unavailable.

use anyhow::{Context, Result, ensure};

use crate::customers::begun_saga::{BegunSaga, End};
use crate::system::trial::OverdueDeadline;
use crate::trials::degradation::outages::Outages;

/// Long enough to begin the saga, short enough for a run.
const DEADLINE_SECONDS: u32 = 5;

/// Begins a saga without a service, waits for its end, and restarts the service. Afterwards the owner has a short
/// deadline, so this comes last.
pub(crate) async fn run(outages: &Outages<'_>, overdue: OverdueDeadline) -> Result<String> {
    let OverdueDeadline { owner, variable, without, reason, case: _ } = overdue;
    let Outages { scene, operations } = outages;
    outages.kill(owner).await;
    outages.start(owner, &[(variable, DEADLINE_SECONDS.to_string())]).await?;
    // A gateway has to notice that everything is back.
    for operation in operations.iter().filter(|operation| !operation.once) {
        outages.try_until_expected(operation, "").await?;
    }
    outages.kill(without).await;
    let followed = operations.iter().find(|operation| operation.followed);
    let followed = followed.context("no operation is followed (`Operation::followed`)")?;
    let begun = followed.attempt().await?.begun.context("it began nothing")?;
    let (saga, end) = (begun.saga, End::aborted(reason));
    scene.load.site.began(followed.name, BegunSaga { saga, end: end.clone() });
    let ended = scene.ends(saga).await.context("the deadline has passed")?;
    ensure!(ended == end, "saga {saga} ended as {ended:?}, and not as {end:?}");
    outages.start(without, &[]).await?;
    outages.check_everything().await?;
    Ok(format!(
        "One that began without `{without}`, with {DEADLINE_SECONDS} seconds to its deadline, was aborted \
         with the reason `{reason}` before `{without}` was back."
    ))
}
