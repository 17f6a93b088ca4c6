//! A saga that begins with a request.

use serde_json::Value;

use super::{Check, check, emitted};
use crate::suite::bench::{Bench, missing, same};
use crate::suite::case::Trigger;
use crate::suite::seen::list;
use crate::suite::world::World;
use crate::suite::wrong::{Checked, ensure};

pub(super) fn checks(bench: &Bench<'_>) -> Vec<Check> {
    let mut checks = vec![
        check!("crash between commit and publish", crash_before_publish),
        check!("asked for twice", twice),
    ];
    if bench.case.refused.is_some() {
        checks.push(check!("refused", refused));
    }
    checks
}

pub(super) async fn undisturbed(bench: &mut Bench<'_>) -> Checked {
    bench.expected.before = World::open(bench, 0, false).await?.seen().await?;
    let mut world = World::open(bench, 0, false).await?;
    ask(&world, bench).await?;
    world.quiet().await?;
    let done = world.seen().await?;
    drop(world);
    let part = bench.part;
    emitted(&done, "done", part.done.name())?;
    ensure(done.at(part.name, "done") == 1, || {
        format!("the ledger does not say that it is done:{}", list(&done.ledger))
    })?;
    bench.expected.done = done;
    Ok(())
}

async fn ask(world: &World<'_>, bench: &Bench<'_>) -> Checked {
    let status = post(world, Some(&bench.case.trigger)).await?;
    ensure((200..300).contains(&status), || format!("the request is answered with {status}"))
}

async fn post(world: &World<'_>, request: Option<&Trigger>) -> Checked<u16> {
    let Some(Trigger::Request(path, body)) = request else {
        return Err(missing("the request"));
    };
    let address = world.running.first().map(ballet::Running::address);
    let address = address.ok_or_else(|| missing("a running service"))?;
    let url = format!("http://{address}{path}");
    let body: &Value = body;
    Ok(reqwest::Client::new().post(url).json(body).send().await?.status().as_u16())
}

async fn crash_before_publish(bench: &Bench<'_>) -> Checked {
    let mut world = World::open(bench, 0, false).await?;
    world.broker.block(true);
    ask(&world, bench).await?;
    world.crash().await?;
    world.broker.block(false);
    world.start().await?;
    world.quiet().await?;
    same(&world.seen().await?, &bench.expected.done)
}

/// Two requests are two sagas.
async fn twice(bench: &Bench<'_>) -> Checked {
    let mut world = World::open(bench, 0, false).await?;
    ask(&world, bench).await?;
    ask(&world, bench).await?;
    world.quiet().await?;
    let seen = world.seen().await?;
    let (told, done) = (seen.count(bench.part.done.name()), seen.at(bench.part.name, "done"));
    ensure((told, done) == (2, 2), || {
        format!("two requests are told {told} times, and {done} times in the ledger")
    })
}

async fn refused(bench: &Bench<'_>) -> Checked {
    let mut world = World::open(bench, 0, false).await?;
    let status = post(&world, bench.case.refused.as_ref()).await?;
    ensure((400..500).contains(&status), || format!("the request is answered with {status}"))?;
    world.quiet().await?;
    same(&world.seen().await?, &bench.expected.before)
}
