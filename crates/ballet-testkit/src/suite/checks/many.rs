//! Many at once: a batch leaves what the same messages leave one by one. A bulk step gets them in
//! runs, and must give each its own outcome.

use std::collections::VecDeque;

use super::{Check, check};
use crate::suite::bench::{Bench, same};
use crate::suite::case::Told;
use crate::suite::seen::Seen;
use crate::suite::world::{Sent, World};
use crate::suite::wrong::Checked;

/// How many sagas go each of the ways.
const EACH: usize = 3;
/// More than all messages together.
const PREFETCH: u16 = 1_000;

pub(super) fn checks() -> Vec<Check> {
    vec![check!("many at once, as one by one", as_one_by_one)]
}

/// What may come of a saga.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Done,
    Refused,
    /// The abort comes first.
    Aborted,
    /// It is done, then aborted.
    Undone,
}

/// What comes next for a saga.
enum Next {
    Told(Told),
    /// The first that was told, once more.
    Again,
}

async fn as_one_by_one(bench: &Bench<'_>) -> Checked {
    let expected = left(bench, Some(1)).await?;
    same(&left(bench, None).await?, &expected)
}

/// What two batches leave, in the second of which sagas are aborted; both of so many messages.
async fn left(bench: &Bench<'_>, size: Option<u16>) -> Checked<Seen> {
    let mut ways = vec![Way::Done; EACH];
    if bench.part.refused.is_some() {
        ways.extend([Way::Refused; EACH]);
    }
    if super::is_undone(bench.part.kind) {
        ways.extend([Way::Aborted; EACH]);
        ways.extend([Way::Undone; EACH]);
    }
    let mut world = World::empty(bench, ways.len()).await?;
    if let Some(size) = size {
        world.limits = Some((size, PREFETCH));
    }
    world.begin(|at| ways[at] == Way::Refused).await?;
    let mut seed = 1;
    for second in [false, true] {
        let mut queues = Vec::with_capacity(ways.len());
        for (at, way) in ways.iter().enumerate() {
            queues.push(comes(bench, &world, at, *way, second)?);
        }
        let held = world.hold_lanes().await?;
        tell_mixed(&world, queues, &mut seed);
        world.all_delivered().await?;
        held.let_go().await?;
        world.quiet().await?;
    }
    world.seen().await
}

fn comes(
    bench: &Bench<'_>,
    world: &World<'_>,
    at: usize,
    way: Way,
    second: bool,
) -> Checked<VecDeque<Next>> {
    let saga = world.sagas[at];
    let triggers = |way: Way| -> Checked<Vec<Told>> {
        Ok(if way == Way::Refused { bench.refused()?(saga) } else { bench.done()?(saga) })
    };
    let mut comes: Vec<Told> = Vec::new();
    match (way, second) {
        (Way::Aborted, false) | (Way::Undone, true) => comes.extend(bench.abort()?(saga)),
        (Way::Done | Way::Refused | Way::Undone, _) | (Way::Aborted, true) => {}
    }
    // Under new ids the second time.
    comes.extend(triggers(way)?);
    let mut comes: VecDeque<Next> = comes.into_iter().map(Next::Told).collect();
    if at % 2 == 1 {
        comes.push_back(Next::Again);
    }
    Ok(comes)
}

/// Tells all, mixed, each saga's in its order.
fn tell_mixed(world: &World<'_>, mut queues: Vec<VecDeque<Next>>, seed: &mut u64) {
    let mut first: Vec<Option<Sent>> = vec![None; queues.len()];
    loop {
        let left: Vec<usize> = (0..queues.len()).filter(|at| !queues[*at].is_empty()).collect();
        if left.is_empty() {
            return;
        }
        let at = left[next(seed) % left.len()];
        match queues[at].pop_front() {
            Some(Next::Told(told)) => {
                let sent = world.tell_one(world.sagas[at], &told);
                first[at].get_or_insert(sent);
            }
            Some(Next::Again) => world.again(first[at].as_slice()),
            None => {}
        }
    }
}

/// The same mixture each time: constants by Knuth, MMIX.
fn next(seed: &mut u64) -> usize {
    *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    usize::try_from(*seed >> 33).unwrap_or_default()
}
