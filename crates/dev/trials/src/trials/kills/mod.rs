//! `kills`: kills a process (SIGKILL) at every fault point, for every step, compensation, call and event of every
//! service, while customers of all cases come. Afterwards every saga has ended as expected.
//!
//! The aims come from the services' declarations. Only unreachable aims are listed.

mod acts;
mod aims;
mod process;

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use ballet_ops::terminal::ui;
use ballet_stage::Method;
use futures_util::future::try_join_all;
use serde_json::json;
use tokio::sync::Mutex;
use tokio::time::timeout;

use crate::load::load::CustomerMix;
use crate::running::long_run::{LongRun, RunPlan};
use crate::system::subject::Subject;
use crate::trials::environment::play_in_environment;
use crate::trials::kills::acts::{Act, take_all_dead_letters};
use crate::trials::kills::aims::KillCase;
use crate::trials::kills::process::TargetProcess;
use crate::trials::oracle;
use crate::trials::scene::Scene;

/// Cases are divided into so many samples.
const SHARES: usize = 16;
/// The framework's tables are made at a service's first start, before and after which it dies.
const AT_FIRST: [&str; 2] = ["before_tables@partitions", "after_tables@partitions"];
/// Customers per second, and the maximum number of their open sagas: a process that is away half of the time must keep
/// up.
const RATE: u32 = 6;
const MOST_OPEN: usize = 40;
/// The limit for an aim to be reached. A customer of the rarest case comes every few seconds.
const PATIENCE: Duration = Duration::from_secs(180);

/// The options of `kills`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Kill only at the points that have this in their names, such as `after_commit` or `done:`.
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
    /// Kill at a sixteenth of the points, which this number chooses.
    #[arg(long, value_name = "NUMBER")]
    sample: Option<usize>,
}

pub(crate) async fn run(subject: &Arc<Subject>, args: &Args) -> Result<ExitCode> {
    if !ballet_core::fault::ARMED {
        bail!(
            "this program has no fault points: it is built without the feature `faults` of the crate \
             ballet-trials"
        );
    }
    let plan = RunPlan {
        beside_others: true,
        first_aim: Some(AT_FIRST[0]),
        ..RunPlan::new("kills", subject.tried.env())
    };
    let keeps_logs = |killed: Option<&Result<()>>| !matches!(killed, Some(Ok(())));
    let killed = play_in_environment(&subject.system, plan, keeps_logs, async |run| {
        Box::pin(all(subject, run, args)).await
    });
    Ok(killed.await?.map_or(ExitCode::from(130), |()| ExitCode::SUCCESS))
}

/// One service's copies are emptied while sagas of the others continue, whose steps have to be retried for longer than
/// filling takes. With the usual delays they would become dead letters.
async fn retry_for_longer(run: &LongRun) -> Result<()> {
    let env = &run.stage.env;
    let policy = json!({ "pattern": r"^retry\.", "apply-to": "queues", "priority": 10,
        "definition": { "message-ttl": 2_000 } });
    let path = ["policies", env.vhost(), "longer-retries"];
    env.management().call(Method::PUT, &path, Some(&policy)).await?;
    Ok(())
}

async fn all(subject: &Arc<Subject>, run: &LongRun, args: &Args) -> Result<()> {
    retry_for_longer(run).await?;
    let begun = Instant::now();
    let cases = (0..subject.cases.len()).collect();
    let mix = CustomerMix { cases, rate: RATE, ..CustomerMix::of(subject) };
    let mut scene = Scene::set_up(subject, run, mix).await?;
    scene.load.most_open = MOST_OPEN;
    scene.recorder.record().begin();
    let services = run.services();
    let processes = try_join_all(services.iter().map(|service| first_start(run, service))).await?;
    subject.tried.prepare(&scene.load.site).await?;
    ui::say(&format!("{} were killed at their first start, and are ready", services.join(", ")));
    let aims: Vec<Vec<KillCase>> = chosen(subject, args);
    let kills: usize = aims.iter().flatten().map(|case| case.lines.len()).sum();
    ensure!(kills > 0, "no point of this sample has such a name");
    let (over, acts) = (AtomicBool::new(false), Mutex::new(()));
    let is_over = || over.load(Ordering::Relaxed);
    let killed = async {
        let of_all = processes.iter().zip(&aims);
        try_join_all(of_all.map(|(process, cases)| kill_at(process, cases, &scene, &acts))).await?;
        over.store(true, Ordering::Relaxed);
        anyhow::Ok(())
    };
    let meanwhile = async {
        while !is_over() {
            scene.load.meanwhile(Instant::now() + Duration::from_secs(1)).await?;
        }
        Ok(())
    };
    let customers = async { tokio::try_join!(killed, scene.load.run(is_over), meanwhile) };
    tokio::select! {
        failed = take_all_dead_letters(&scene) => { failed?; bail!("it never returns by itself") }
        done = customers => done?,
    };
    let verdict = tokio::select! {
        failed = take_all_dead_letters(&scene) => { failed?; bail!("it never returns by itself") }
        checked = oracle::ensure_all_holds(&scene) => checked?,
    };
    ui::print(&format!(
        "{kills} kills and {} at the first start, {} {}, {} rows, {:.0?}: nothing is lost, doubled or broken",
        AT_FIRST.len() * services.len(),
        scene.load.sagas.all().len(),
        subject.sagas,
        verdict.rows,
        begun.elapsed()
    ));
    Ok(())
}

async fn first_start<'a>(run: &'a LongRun, service: &'static str) -> Result<TargetProcess<'a>> {
    let process = TargetProcess::of(run, service).await?;
    process.wait_for_death().await?;
    process.dies_at_its_start(AT_FIRST[1]).await?;
    process.start().await?;
    Ok(process)
}

/// The cases of each service that the options choose, without those that it cannot reach.
fn chosen(subject: &Subject, args: &Args) -> Vec<Vec<KillCase>> {
    let mut number = 0..;
    let mut is_chosen = |case: &KillCase| {
        let number: usize = number.next().unwrap_or_default();
        args.only.as_ref().is_none_or(|only| case.lines.iter().any(|line| line.contains(only)))
            && args.sample.is_none_or(|sample| number % SHARES == sample % SHARES)
    };
    let of_part = |part| {
        let mut cases = aims::of(part);
        cases.retain(|case| {
            let last = case.lines.last().map_or("", String::as_str);
            subject.tried.unreachable(part.service, last).is_none() && is_chosen(case)
        });
        cases
    };
    subject.system.parts.iter().map(of_part).collect()
}

/// Makes a process die at each of these points, and starts it again.
async fn kill_at(
    process: &TargetProcess<'_>,
    cases: &[KillCase],
    scene: &Scene<'_>,
    acts: &Mutex<()>,
) -> Result<()> {
    for KillCase { lines, act } in cases {
        let (begun, dead) = (Instant::now(), AtomicBool::new(false));
        let name = format!("{} {}", process.service, lines.join(", then "));
        process.aim(&lines[0])?;
        let acting = async {
            while *act != Act::Nothing && !dead.load(Ordering::Relaxed) {
                let _alone = acts.lock().await;
                act.perform(scene, process.service).await?;
            }
            anyhow::Ok(())
        };
        let dying = async {
            let died = timeout(PATIENCE, process.wait_for_death()).await;
            died.context("nothing leads there: add a case, or say why (`Trial::unreachable`)")??;
            dead.store(true, Ordering::Relaxed);
            for line in &lines[1..] {
                process.dies_at_its_start(line).await?;
            }
            process.start().await
        };
        tokio::try_join!(acting, dying).with_context(|| name.clone())?;
        ui::say(&format!("{name}: {:.1?}", begun.elapsed()));
    }
    Ok(())
}
