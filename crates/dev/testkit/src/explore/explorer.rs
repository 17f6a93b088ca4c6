//! Plays seeds until one fails, and shrinks it.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use fastrand::Rng;
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::time::timeout;

use crate::explore::action::Action;
use crate::explore::failure::{FailedSchedule, masked};
use crate::explore::schedule::{Explored, Plan, Played, Player};
use crate::explore::stage::{Done, Stage};

/// So many schedules are judged at a time, since an audit takes as long as five of them.
const JUDGED: usize = 32;
/// The maximum number of schedules that are tried to make one shorter.
const MOST_TRIES: usize = 150;
/// How long a shorter schedule is looked for, so that a failure is told within a minute.
pub const SHRINKS: Duration = Duration::from_secs(20);
/// A world comes to rest within this time, or hangs.
const SOON: Duration = Duration::from_secs(3);
/// A system is started anew after so many schedules, since its broker keeps every message.
const FRESH: usize = 2_000;

/// What to explore.
#[derive(Debug, Clone)]
pub struct ExploreOptions {
    /// A part of the names of the databases.
    pub name: String,
    /// The first seed. Others are made from it.
    pub seed: u64,
    /// The maximum number of schedules. With 1 it is that of the seed, and nothing is made from it.
    pub seeds: usize,
    /// No schedule begins after this time.
    pub time: Option<Duration>,
    /// For how long a shorter one is looked for, such as [`SHRINKS`]. It is the same in each run only if there is time.
    pub shrinks: Duration,
    /// Whether one has failed. Explorations that share it end then.
    pub has_failed: Arc<AtomicBool>,
}

/// What an exploration came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exploration {
    /// The number of schedules.
    pub schedules: usize,
    /// The number of their actions.
    pub actions: usize,
    /// The time that the schedules took, without the start of the services.
    pub took: Duration,
    /// The first schedule that failed.
    pub failed: Option<FailedSchedule>,
}

/// Explores the schedules of a system.
///
/// # Errors
///
/// If the system cannot be started, or made ready, or the runtime has several threads: time passes for all at once.
pub async fn explore<E: Explored>(
    explored: &E,
    options: &ExploreOptions,
) -> Result<Exploration, String> {
    if Handle::current().runtime_flavor() != RuntimeFlavor::CurrentThread {
        return Err(
            "schedules need a runtime of one thread: build it as `new_current_thread`".to_owned()
        );
    }
    let mut run = World::open(explored, &options.name).await?;
    let mut choices = Rng::with_seed(options.seed);
    let (mut actions, mut schedules) = (0, 0);
    let mut open: Vec<u64> = Vec::new();
    let begun = Instant::now();
    let is_over = |done: usize| {
        done >= options.seeds
            || options.time.is_some_and(|time| begun.elapsed() > time)
            || options.has_failed.load(Ordering::Relaxed)
    };
    let mut failed = None;
    while failed.is_none() && !is_over(schedules) {
        let seed = if schedules == 0 { options.seed } else { choices.u64(..1 << 24) };
        let (played, done) = run.play(scene_of(seed), Plan::Seed(seed)).await;
        (actions, schedules) = (actions + played.actions.len(), schedules + 1);
        open.push(seed);
        let mut wrong: Vec<String> = done.err().into_iter().collect();
        let shows_at_once = !wrong.is_empty();
        if shows_at_once || open.len() >= JUDGED || is_over(schedules) {
            if !shows_at_once {
                wrong = run.wrong().await?;
            }
            if !wrong.is_empty() {
                options.has_failed.store(true, Ordering::Relaxed);
                drop(run);
                let mut world = World::open(explored, &options.name).await?;
                let found = if shows_at_once {
                    Found { seed, played, wrong }
                } else {
                    first_of(&mut world, &open, wrong).await?
                };
                failed = Some(shortest(world, found, options.shrinks).await?);
                break;
            }
            open.clear();
            if schedules.is_multiple_of(FRESH) && !is_over(schedules) {
                run = World::open(explored, &options.name).await?;
            }
        }
    }
    Ok(Exploration { schedules, actions, took: begun.elapsed(), failed })
}

/// Returns the number of what clients do.
fn scene_of(seed: u64) -> usize {
    Rng::with_seed(!seed).usize(..1 << 20)
}

/// A schedule that fails, as its seed chose it.
struct Found {
    seed: u64,
    played: Played,
    wrong: Vec<String>,
}

/// Finds one of these seeds that fails: together they do.
async fn first_of<E: Explored>(
    world: &mut World<'_, E>,
    all: &[u64],
    mut together: Vec<String>,
) -> Done<Found> {
    let mut seeds = all;
    while seeds.len() > 1 {
        let (first, rest) = seeds.split_at(seeds.len() / 2);
        seeds = if world.are_right(first).await? { rest } else { first };
    }
    let seed = seeds.first().copied().unwrap_or_default();
    let (played, wrong) = world.judged(scene_of(seed), Plan::Seed(seed)).await?;
    if wrong.is_empty() {
        together.push(format!("({} schedules together; none of them fails by itself)", all.len()));
        return Ok(Found { seed, played: Played::default(), wrong: together });
    }
    Ok(Found { seed, played, wrong })
}

async fn shortest<E: Explored>(
    mut world: World<'_, E>,
    found: Found,
    most: Duration,
) -> Done<FailedSchedule> {
    let Found { seed, played, wrong } = found;
    let found = played.actions.len();
    let actions = shrunk(&mut world, scene_of(seed), played.actions.clone(), most).await?;
    let (explored, name) = (world.explored, world.name);
    drop(world);
    let mut world = World::open(explored, name).await?;
    let again = world.judged(scene_of(seed), Plan::Actions(&actions)).await?;
    // One that fails by chance is told as it was found.
    let (played, wrong) = if again.1.is_empty() { (played, wrong) } else { again };
    let wrong = masked(&wrong, &played.sagas);
    Ok(FailedSchedule { seed, found, actions: played.actions, wrong })
}

/// Leaves out ever smaller parts, as long as what is left fails.
async fn shrunk<E: Explored>(
    world: &mut World<'_, E>,
    number: usize,
    mut best: Vec<Action>,
    most: Duration,
) -> Done<Vec<Action>> {
    let (mut part, mut tries) = (best.len().div_ceil(2), 0);
    let begun = Instant::now();
    let is_over = |tries: usize| tries >= MOST_TRIES || begun.elapsed() >= most;
    while part > 0 && !is_over(tries) {
        let (mut at, mut is_shorter) = (0, false);
        while at < best.len() && !is_over(tries) {
            tries += 1;
            let end = best.len().min(at + part);
            let candidate = [&best[..at], &best[end..]].concat();
            let (played, wrong) = world.judged(number, Plan::Actions(&candidate)).await?;
            if wrong.is_empty() {
                at = end;
            } else {
                is_shorter = true;
                // Without those that were not possible any more.
                best = played.actions;
            }
        }
        part = if part == 1 && !is_shorter { 0 } else { (part / 2).max(1) };
    }
    Ok(best)
}

/// A running system, and what is known to be wrong in it.
struct World<'a, E: Explored> {
    explored: &'a E,
    scene: E::Scene,
    stage: Stage,
    known: HashSet<String>,
    name: &'a str,
}

impl<'a, E: Explored> World<'a, E> {
    async fn open(explored: &'a E, name: &'a str) -> Done<Self> {
        let mut stage = Stage::open(name, explored.services()).await?;
        let scene = explored.open(&stage).await?;
        stage.rest_all().await?;
        Ok(Self { explored, scene, stage, known: HashSet::new(), name })
    }

    async fn play(&mut self, number: usize, plan: Plan<'_>) -> (Played, Done<()>) {
        let mut played = Played::default();
        let done = async {
            self.stage.go_on().await?;
            self.stage.memory.broker.step(false);
            let moves = self.explored.moves(&self.scene, number).await?;
            self.stage.rest_all().await?;
            self.stage.memory.broker.step(true);
            Player::new(&mut self.stage, moves, &mut played).play(plan).await
        };
        let done = done.await;
        (played, done)
    }

    /// Plays a schedule, and returns what is wrong since.
    async fn judged(&mut self, number: usize, plan: Plan<'_>) -> Done<(Played, Vec<String>)> {
        let (played, done) = self.play(number, plan).await;
        let wrong = match done {
            Ok(()) => self.wrong().await?,
            Err(error) => {
                self.recover().await?;
                vec![error]
            }
        };
        Ok((played, wrong))
    }

    /// Plays these seeds, which are judged together.
    async fn are_right(&mut self, seeds: &[u64]) -> Done<bool> {
        for &seed in seeds {
            if self.play(scene_of(seed), Plan::Seed(seed)).await.1.is_err() {
                self.recover().await?;
                return Ok(false);
            }
        }
        Ok(self.wrong().await?.is_empty())
    }

    /// Lets what is left of a schedule that broke off come to its end, soon. Else another world takes this one's place.
    async fn recover(&mut self) -> Done<()> {
        self.stage.memory.broker.step(false);
        if let Ok(Ok(())) = timeout(SOON, self.stage.settle()).await {
            // What is wrong by now is not of the next one.
            return self.wrong().await.map(drop);
        }
        *self = Self::open(self.explored, self.name).await?;
        Ok(())
    }

    /// Returns what is wrong, and was not before.
    async fn wrong(&mut self) -> Done<Vec<String>> {
        if let Err(error) = self.stage.settle().await {
            return Ok(vec![error]);
        }
        let framework = self.stage.audit().await;
        let own = self.explored.judge(&self.scene, &framework).await?;
        let lists = [framework.violations, framework.stuck, framework.open, framework.away];
        let mut wrong: Vec<String> = lists.into_iter().flatten().chain(own).collect();
        wrong.retain(|wrong| self.known.insert(wrong.clone()));
        Ok(wrong)
    }
}
