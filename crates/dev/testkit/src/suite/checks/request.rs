//! A saga that begins with an HTTP request.

use serde_json::Value;

use crate::suite::checks::check::{StepCheck, check};
use crate::suite::rig::case::CaseTrigger;
use crate::suite::rig::check_result::{CheckResult, ensure};
use crate::suite::rig::observe::{leaves, snapshot};
use crate::suite::rig::snapshot::{emitted, list, nothing_astray, visible};
use crate::suite::rig::step_rig::{StepRig, missing};
use crate::suite::rig::world::ServiceWorld;

pub(crate) fn checks(rig: &StepRig<'_>) -> Vec<StepCheck> {
    let mut checks = vec![
        check!("crash between commit and publish", crash_before_publish),
        check!("requested twice", twice),
    ];
    if rig.case.refused.is_some() {
        checks.push(check!("refused", refused));
    }
    checks
}

pub(crate) async fn undisturbed(rig: &mut StepRig<'_>) -> CheckResult {
    let unusable = rig.case.of_a_known_saga();
    ensure(unusable.is_empty(), || {
        format!(
            "a request cannot use {}, which are of a saga that is known before: leave them to a \
             step of the saga that events trigger",
            unusable.join(", ")
        )
    })?;
    rig.expected.before = snapshot(&mut ServiceWorld::open(rig, 0, false).await?).await?;
    let mut world = ServiceWorld::open(rig, 0, false).await?;
    ask(&world, rig).await?;
    world.until_idle().await?;
    let done = snapshot(&mut world).await?;
    drop(world);
    let part = rig.part;
    emitted(&done, "done", part.done.name())?;
    ensure(done.at(part.name, "done") == 1, || {
        format!("the ledger does not say that it is done:{}", list(&done.ledger))
    })?;
    visible(&done, &rig.expected.before)?;
    nothing_astray(&done)?;
    rig.expected.done = done;
    Ok(())
}

async fn ask(world: &ServiceWorld<'_>, rig: &StepRig<'_>) -> CheckResult {
    let status = post(world, Some(&rig.case.trigger)).await?;
    ensure((200..300).contains(&status), || format!("the request is answered with {status}"))
}

async fn post(world: &ServiceWorld<'_>, request: Option<&CaseTrigger>) -> CheckResult<u16> {
    let Some(CaseTrigger::Request(path, body)) = request else {
        return Err(missing("the request"));
    };
    let address = world.running.first().map(ballet::Running::address);
    let address = address.ok_or_else(|| missing("a running service"))?;
    let url = format!("http://{address}{path}");
    let body: &Value = body;
    Ok(reqwest::Client::new().post(url).json(body).send().await?.status().as_u16())
}

async fn crash_before_publish(rig: &StepRig<'_>) -> CheckResult {
    let mut world = ServiceWorld::open(rig, 0, false).await?;
    world.broker.block(true);
    ask(&world, rig).await?;
    world.crash().await?;
    world.broker.block(false);
    world.start().await?;
    leaves(&mut world, &rig.expected.done).await
}

/// Two requests are two sagas.
async fn twice(rig: &StepRig<'_>) -> CheckResult {
    let mut world = ServiceWorld::open(rig, 0, false).await?;
    ask(&world, rig).await?;
    ask(&world, rig).await?;
    world.until_idle().await?;
    let left = snapshot(&mut world).await?;
    let (events, entries) = (left.count(rig.part.done.name()), left.at(rig.part.name, "done"));
    ensure((events, entries) == (2, 2), || {
        format!(
            "two requests should make 2 events and 2 ledger entries, not {events} and {entries}"
        )
    })
}

async fn refused(rig: &StepRig<'_>) -> CheckResult {
    let mut world = ServiceWorld::open(rig, 0, false).await?;
    let status = post(&world, rig.case.refused.as_ref()).await?;
    ensure((400..500).contains(&status), || format!("the request is answered with {status}"))?;
    leaves(&mut world, &rig.expected.before).await
}
