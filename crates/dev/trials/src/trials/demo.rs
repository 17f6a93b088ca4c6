//! `demo`: the system at work, with customers of all kinds, until Ctrl-C.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;
use ballet_check::contracts::folders;
use ballet_ops::terminal::{Cell, Progress, Table, columns, ui};
use ballet_stage::variables;
use futures_util::{StreamExt, stream};
use tokio::sync::watch;

use crate::customers::begun_saga::End;
use crate::load::load::CustomerMix;
use crate::running::long_run::{LongRun, RunPlan};
use crate::system::subject::Subject;
use crate::trials::audit;
use crate::trials::demo_shell::DemoShell;
use crate::trials::environment::play_in_environment;
use crate::trials::oracle::{self, OracleVerdict};
use crate::trials::report::show_effects;
use crate::trials::scene::Scene;

const RATE: u32 = 5;
const AT_ONCE: usize = 16;
/// The limit includes sagas being begun. Each may have a connection, and the gateway takes 256 from one address,
/// including the user's.
const MOST_OPEN: usize = 100;
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The options of `demo`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Exit after the summary, with success only if everything held.
    #[arg(long)]
    once: bool,
    /// The number of customers in the summary. With 0 nobody comes, also later.
    #[arg(long, default_value_t = 50, value_name = "N",
          value_parser = clap::value_parser!(u32).range(..=100_000))]
    customers: u32,
    /// Keep the services' logs after the demo.
    #[arg(long)]
    keep: bool,
}

pub(crate) async fn run(subject: &Arc<Subject>, args: &Args) -> Result<ExitCode> {
    let signed = subject.tried.front().is_some();
    let plan = RunPlan { signed, has_console: true, ..RunPlan::new("demo", subject.tried.env()) };
    let keeps_logs = |played: Option<&Result<bool>>| {
        args.keep || played.is_some_and(|played| !matches!(played, Ok(true)))
    };
    let is_up = std::cell::Cell::new(false);
    let held = play_in_environment(&subject.system, plan, keeps_logs, async |run| {
        is_up.set(true);
        run.kept(Box::pin(play(subject, args, run))).await
    });
    Ok(match held.await? {
        Some(true) => ExitCode::SUCCESS,
        Some(false) => ExitCode::FAILURE,
        // Without `--once` the user ends the demo.
        None if is_up.get() && !args.once => ExitCode::SUCCESS,
        None => ExitCode::from(130),
    })
}

/// Returns whether everything held. Without `--once` customers keep coming.
async fn play(subject: &Arc<Subject>, args: &Args, run: &LongRun) -> Result<bool> {
    run.ready().await?;
    let gateway = run.open(subject.tried.front()).await?;
    let mix = CustomerMix { rate: RATE, gateway, ..CustomerMix::of(subject) };
    let mut scene = Scene::set_up(subject, run, mix).await?;
    scene.load.most_open = MOST_OPEN;
    let Scene { load, .. } = &scene;
    subject.tried.prepare(&load.site).await?;
    ui::say(&format!("{} are ready; {} customers come", run.services().join(", "), args.customers));
    let (calm, calmed) = watch::channel(false);
    let come = async {
        let progress = Progress::endless("customers");
        // A customer without an answer may have begun no saga.
        let customers = stream::iter(1..=args.customers).map(|number| {
            // What those who live beside the customers begin takes longer.
            if number == args.customers - args.customers / 4 {
                calm.send_replace(true);
            }
            load.play()
        });
        let mut come = customers.buffer_unordered(AT_ONCE).zip(stream::iter(1..));
        while let Some((_, come)) = come.next().await {
            let (open, all) = load.open();
            progress.tell(&format!("{come} customers, {all} {}, {open} open", subject.sagas));
        }
        drop((come, progress));
        ui::say(&format!("the last {} come to their end", subject.sagas));
        let verdict = oracle::check_when_quiescent(&scene).await?;
        show(&scene, &verdict);
        if !args.once {
            let _shown = print_addresses(&scene).await?;
            if args.customers == 0 {
                std::future::pending::<()>().await;
            }
            calm.send_replace(false);
            load.run(|| false).await?;
        }
        Ok(verdict.holds())
    };
    let beside = async {
        if args.customers == 0 {
            return std::future::pending().await;
        }
        let meanwhile = load.meanwhile(Instant::now() + DAY);
        tokio::try_join!(meanwhile, subject.tried.show(&load.site, calmed))?;
        std::future::pending().await
    };
    tokio::select! {
        held = come => held,
        failed = beside => failed,
    }
}

/// The ends by case, and whether everything holds.
fn show(scene: &Scene<'_>, verdict: &OracleVerdict) {
    let mut cases: BTreeMap<&str, (usize, BTreeMap<String, usize>)> = BTreeMap::new();
    for (id, placed) in scene.load.sagas.all() {
        let case = cases.entry(placed.case).or_default();
        case.0 += 1;
        let end = match scene.ended(id) {
            None => "open".to_owned(),
            Some(End::Completed) => "completed".to_owned(),
            Some(End::Aborted(reason)) => format!("aborted: {reason}"),
        };
        *case.1.entry(end).or_default() += 1;
    }
    let mut table = Table::new(["what a customer did", scene.subject.sagas, "how it ended"]);
    table = table.right(1..=1);
    for (name, (count, ends)) in cases {
        let ends: Vec<_> = ends.into_keys().collect();
        table.row([name.to_owned(), count.to_string(), ends.join(", ")].map(Cell::from));
    }
    ui::print(&format!("\n{}", table.draw(columns())));
    show_effects(verdict);
}

/// The file for the shell exists until the returned value is dropped.
async fn print_addresses(scene: &Scene<'_>) -> Result<DemoShell> {
    let Scene { subject, run, load, .. } = scene;
    let gateway = load.site.gateway();
    let endpoints = run.endpoints().await?;
    let audited = endpoints.write(run.logs())?;
    let services = run.services();
    let url = |name: &&'static str| (*name, endpoints.services.get(*name).map_or("", |url| url));
    let urls: Vec<_> = services.iter().map(url).collect();
    let mut all = variables(&run.stage.env, &urls);
    all.push((audit::ENDPOINTS.to_owned(), audited.display().to_string()));
    for (producer, _) in subject.system.foreign_producers() {
        let name = producer.to_uppercase().replace(|c: char| !c.is_ascii_alphanumeric(), "_");
        all.push((format!("{name}_URL"), run.stage.env.amqp_url(producer).to_owned()));
    }
    // The command finds the contracts of a single system, and `ballet audit` runs this program only if none are named.
    let systems = std::env::current_dir().map(|here| folders(&here)).unwrap_or_default();
    let contracts = systems.iter().find(|folder| folder.ends_with(subject.system.name));
    let contracts = contracts.filter(|_| systems.len() > 1);
    let shell = DemoShell::write(run.logs(), gateway, contracts.map(PathBuf::as_path), all)?;
    ui::print(&format!("\n{}", ui::bold("Where to look around, in another terminal")));
    ui::print(&format!("  . {shell}"));
    for name in &services {
        ui::print(&format!("  psql ${}_DATABASE_URL", name.to_uppercase()));
    }
    if let Some(name) = services.first() {
        ui::print(&format!("  pkill -9 -P $DEMO -x {name}"));
    }
    for command in
        ["audit", "watch", "sagas list", "sagas stuck", "dlq groups", "topology check", "console"]
    {
        ui::print(&format!("  cargo ballet {command}"));
    }
    if gateway.is_some() {
        ui::print("  curl $GATEWAY/openapi.json");
        ui::print("  BEARER=\"Authorization: Bearer $($TOKEN --subject ID --scopes 'A B')\"");
        ui::print("  curl -H \"$BEARER\" $GATEWAY/...");
    }
    ui::print(&format!("\nthe services' logs are in {}", run.logs().display()));
    ui::print("customers go on to come until Ctrl-C; what you kill is started again");
    Ok(shell)
}
