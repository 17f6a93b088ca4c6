//! `kills`: kills a process (SIGKILL) at every fault point, for every step, compensation, call and event of every
//! service. After each kill every saga ends as expected.
//!
//! The aims come from the services' declarations, and the customer that leads to one from what services noted. Only
//! unreachable aims are listed.

mod aims;
mod checks;
mod explore;
mod matrix;
mod path;
mod plan;
mod process;

use std::collections::BTreeSet;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Result, bail, ensure};
use ballet::core::topology::DEAD;
use ballet_ops::terminal::ui;
use ballet_stage::Method;
use futures_util::future::try_join_all;
use serde_json::json;

use crate::load::load::CustomerMix;
use crate::running::long_run::{LongRun, RunPlan};
use crate::system::subject::Subject;
use crate::trials::environment::play_in_environment;
use crate::trials::kills::aims::Aim;
use crate::trials::kills::checks::{UNKNOWN, check_everything};
use crate::trials::kills::plan::{KillCase, plan};
use crate::trials::kills::process::TargetProcess;
use crate::trials::scene::Scene;

/// Cases are divided into so many samples.
const SHARES: u64 = 8;
/// The framework's tables are made at a service's first start, before and after which it dies.
const AT_FIRST: [&str; 2] = ["before_tables@partitions", "after_tables@partitions"];

/// The options of `kills`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Kill only at the points that have this in their names, such as `after_commit` or `done:`.
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
    /// Kill at an eighth of the points, which this number chooses. The exploration is whole.
    #[arg(long, value_name = "NUMBER")]
    sample: Option<u64>,
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
        ..RunPlan::new("kills", subject.tried.env(false))
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
    let scene = Scene::set_up(subject, run, CustomerMix::of(subject)).await?;
    scene.recorder.record().begin();
    let services = run.services();
    let processes = try_join_all(services.iter().map(|service| first_start(run, service))).await?;
    subject.tried.prepare(&scene.load.site).await?;
    // Points without a path.
    check_everything(&scene).await?;
    try_join_all(processes.iter().map(TargetProcess::forget)).await?;
    ui::say(&format!("{} were killed at their first start, and are ready", services.join(", ")));
    let leading = explore::explore(&scene, &processes).await?;
    ui::say(&format!("explored in {:.0?}", begun.elapsed()));
    let mut matrix = Vec::new();
    let mut wrong = Vec::new();
    for part in &run.system.parts {
        let aims = aims::of(part);
        let (cases, missing) = plan(subject, &aims, part.service, &leading);
        matrix.push(cases);
        wrong.extend(missing);
        let declared: Vec<String> = aims.iter().map(Aim::line).collect();
        let seen = leading.keys().filter(|(service, _)| *service == part.service);
        let strange = seen.map(|(_, line)| line).filter(|line| !declared.contains(line));
        // A strange message and its dead letter do not count.
        let strange = strange.filter(|line| !line.ends_with(UNKNOWN) && !line.ends_with(DEAD));
        wrong.extend(strange.map(|line| format!("{} reaches {line}, undeclared", part.service)));
    }
    ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
    check_known(&matrix, args)?;
    choose(&mut matrix, args);
    let cases: usize = matrix.iter().map(Vec::len).sum();
    ensure!(
        cases > 0,
        "none of the points that were asked for is in this sample: take another number"
    );
    let kills: usize = matrix.iter().flatten().map(|case| case.aims.len()).sum();
    let runs = processes.iter().zip(&matrix);
    try_join_all(runs.map(|(process, cases)| matrix::run_all(process, cases, &scene))).await?;
    let rows = check_everything(&scene).await?;
    ui::print(&format!(
        "{cases} cases, {kills} kills and {} at the first start, {rows} rows, {:.0?}: nothing is lost, \
         doubled or broken",
        AT_FIRST.len() * services.len(),
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

/// `--only` has to occur in the name of some point.
fn check_known(matrix: &[Vec<KillCase>], args: &Args) -> Result<()> {
    let Some(only) = &args.only else { return Ok(()) };
    let aims = || matrix.iter().flatten().flat_map(|case| &case.aims).map(Aim::line);
    let points: BTreeSet<String> =
        aims().filter_map(|line| Some(line.split_once('@')?.0.to_owned())).collect();
    ensure!(
        aims().any(|line| line.contains(only)),
        "no point has {only:?} in its name; the points are {}, each with a place such as {:?}",
        points.into_iter().collect::<Vec<_>>().join(", "),
        aims().next().unwrap_or_default()
    );
    Ok(())
}

fn choose(matrix: &mut [Vec<KillCase>], args: &Args) {
    if let Some(only) = &args.only {
        let chosen = |case: &KillCase| case.aims.iter().any(|aim| aim.line().contains(only));
        matrix.iter_mut().for_each(|cases| cases.retain(chosen));
    }
    if let Some(sample) = args.sample {
        let mut number = 0..;
        let mut is_in_it =
            |_: &KillCase| number.next().is_some_and(|n: u64| n % SHARES == sample % SHARES);
        matrix.iter_mut().for_each(|cases| cases.retain(&mut is_in_it));
    }
}
