//! `explore`: real services and databases under the schedules that seeds choose, with a broker in memory.

use std::num::NonZero;
use std::process::ExitCode;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};
use ballet_ops::audit::Report;
use ballet_ops::terminal::ui;
use ballet_stage::Postgres;
use ballet_testkit::explore::{
    Exploration, ExploreOptions, Explored, ExploredService, Move, SHRINKS, Stage, explore,
};
use jiff::SignedDuration;

use crate::processes::endpoints::Endpoints;
use crate::processes::program::ServiceProgram;
use crate::scene::site::Site;
use crate::system::subject::Subject;
use crate::system::trial::{Audit, Trial};

const SEEDS: u32 = 200;

/// The options of `explore`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// How many schedules to play: 200, or the one of `--seed`.
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    seeds: Option<u32>,
    /// Play the schedule of this seed alone, as a run that failed says it; with `--seeds` others follow.
    #[arg(long, value_name = "SEED")]
    seed: Option<u64>,
}

pub(crate) async fn run(subject: &Arc<Subject>, args: &Args) -> Result<ExitCode> {
    let seed = args.seed.unwrap_or(1);
    let alone = args.seed.map(|_| 1);
    let seeds = usize::try_from(args.seeds.or(alone).unwrap_or(SEEDS))?;
    // Before the threads ask for it.
    Postgres::shared().await.map_err(|error| anyhow!("{error}"))?;
    let cores = thread::available_parallelism().map_or(1, NonZero::get).min(seeds);
    let has_failed = Arc::default();
    let share = |at: usize| {
        // Far from each other, as those that follow from them are.
        let seed = seed + ((at as u64) << 32);
        let seeds = seeds / cores + usize::from(at < seeds % cores);
        let (name, has_failed) = (format!("{}{at}", subject.system.name), Arc::clone(&has_failed));
        ExploreOptions { name, seed, seeds, time: None, shrinks: SHRINKS, has_failed }
    };
    let threads = (0..cores).map(|at| {
        let (subject, options) = (Arc::clone(subject), share(at));
        thread::spawn(move || on_this_thread(&subject, &options))
    });
    let threads: Vec<_> = threads.collect();
    let all = tokio::task::spawn_blocking(move || {
        let joined = threads.into_iter().map(|one| one.join().map_err(|_| anyhow!("it panicked")));
        joined.map(|one| one?).collect::<Result<Vec<_>>>()
    });
    let all = all.await.context("the explorers failed")??;
    let sum = |of: fn(&Exploration) -> usize| all.iter().map(of).sum::<usize>();
    let (schedules, took) = (sum(|one| one.schedules), all.iter().map(|one| one.took).max());
    let seconds = took.unwrap_or_default().as_secs_f64();
    ui::print(&format!(
        "{schedules} schedules of {} in {seconds:.1} s ({:.1} a second): {} actions",
        subject.system.name,
        schedules as f64 / seconds.max(f64::EPSILON),
        sum(|one| one.actions),
    ));
    let failed = all.iter().find_map(|one| one.failed.as_ref());
    failed.inspect(|failed| ui::print(&format!("\n{failed}")));
    Ok(if failed.is_none() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn on_this_thread(subject: &Subject, options: &ExploreOptions) -> Result<Exploration> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(explore(&SubjectSchedules(subject), options)).map_err(|error| anyhow!(error))
}

/// Explores this many schedules of a system, from this seed on, for a test. None begins after the time.
///
/// # Errors
///
/// If the system cannot be started, or a schedule fails.
pub async fn schedules(
    trial: impl Trial,
    seed: u64,
    seeds: usize,
    time: Duration,
) -> Result<Exploration> {
    let subject = Subject::new(trial);
    let name = subject.system.name.to_owned();
    let (time, has_failed) = (Some(time), Arc::default());
    let options = ExploreOptions { name, seed, seeds, time, shrinks: SHRINKS, has_failed };
    let subject = SubjectSchedules(&subject);
    let explored = Box::pin(explore(&subject, &options)).await.map_err(|error| anyhow!(error))?;
    match &explored.failed {
        Some(failed) => Err(anyhow!("{failed}")),
        None => Ok(explored),
    }
}

struct SubjectSchedules<'s>(&'s Subject);

struct SubjectScene {
    site: Site,
    at: Endpoints,
}

impl Explored for SubjectSchedules<'_> {
    type Scene = SubjectScene;

    fn services(&self) -> Vec<ExploredService> {
        let explored = |program: ServiceProgram| {
            let (part, env) = (program.part.clone(), self.0.tried.env());
            ExploredService::new(part, move |settings| (program.make)(settings, &env))
        };
        self.0.tried.services().into_iter().map(explored).collect()
    }

    async fn open(&self, stage: &Stage) -> Result<SubjectScene, String> {
        let site = async {
            let broker = stage.memory.broker.clone();
            let site = Site::in_memory(&self.0.system, stage.urls(), broker)?;
            self.0.tried.prepare(&site).await?;
            anyhow::Ok(site)
        };
        let site = site.await.map_err(|error| format!("{error:#}"))?;
        let databases = stage.memory.databases.iter();
        let databases = databases.map(|(name, at)| (name.clone(), at.url().to_owned())).collect();
        let (services, management, vhost) = Default::default();
        Ok(SubjectScene { site, at: Endpoints { services, databases, management, vhost } })
    }

    async fn moves<'a>(
        &'a self,
        scene: &'a SubjectScene,
        number: usize,
    ) -> Result<Vec<Move<'a>>, String> {
        let moves = async {
            let moves = self.0.tried.moves(number, &scene.site).await?;
            ensure!(
                !moves.is_empty(),
                "{} does not say what clients do: write `moves` of its `Trial`",
                self.0.system.name
            );
            anyhow::Ok(moves)
        };
        moves.await.map_err(|error| format!("{error:#}"))
    }

    async fn judge(&self, scene: &SubjectScene, framework: &Report) -> Result<Vec<String>, String> {
        let audit = Audit { at: &scene.at, framework, quiescent_after: SignedDuration::ZERO };
        let own = self.0.tried.audit(audit).await.map_err(|error| format!("{error:#}"))?;
        Ok([own.violations, own.stuck, own.open, own.away].concat())
    }
}
