//! `audit`: checks a running system through its databases and its broker.

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use ballet_ops::audit::{PartVerdict, Report, ReportPart};
use ballet_ops::terminal::ui;
use jiff::SignedDuration;
use rustix::process::{Pid, test_kill_process};

use crate::processes::endpoints::{Endpoints, FILE};
use crate::running::run_dir::target;
use crate::system::subject::Subject;

/// Names the file with all endpoints.
pub(crate) const ENDPOINTS: &str = "TRIAL_ENDPOINTS";
/// No violations, but a service, a database or the broker did not answer.
const PARTLY: u8 = 3;

/// The options of `audit`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A file with all endpoints, as a running demo writes it. By default that of the running demo.
    #[arg(long, env = ENDPOINTS, value_name = "FILE")]
    endpoints: Option<PathBuf>,
    /// A saga is quiescent when nothing of it has changed for this long. The broker's figures
    /// are up to five seconds old.
    #[arg(long, default_value_t = 10, value_name = "SECONDS",
          value_parser = clap::value_parser!(u32).range(0..=86_400))]
    quiescent_after: u32,
    /// Print the whole report as JSON.
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(subject: &Subject, args: &Args) -> Result<ExitCode> {
    let services = subject.system.parts.len();
    let endpoints = match &args.endpoints {
        Some(file) => Endpoints::read(file)?,
        None => Endpoints::read(&running_demo(subject.system.name)?)?,
    };
    // The broker first: a message that is gone was handled before the databases are read.
    let broker = endpoints.broker().await?;
    let quiescent_after = SignedDuration::from_secs(args.quiescent_after.into());
    let report = subject.audit(&endpoints, &broker, quiescent_after).await;
    if args.json {
        ui::raw(&serde_json::to_string_pretty(&report).context("cannot write the report")?);
    } else {
        show(&report, services, quiescent_after);
    }
    Ok(match (report.needs_nobody(), report.away.is_empty()) {
        (true, true) => ExitCode::SUCCESS,
        (true, false) => ExitCode::from(PARTLY),
        (false, _) => ExitCode::FAILURE,
    })
}

fn running_demo(system: &str) -> Result<PathBuf> {
    let program = std::env::current_exe().context("cannot find this program")?;
    let target = target(&program).context("this program is not in a target directory")?;
    let demos = target.join("demo").join(system);
    let runs = fs::read_dir(&demos).into_iter().flatten().flatten().filter_map(|dir| {
        let pid = Pid::from_raw(dir.file_name().to_str()?.parse().ok()?)?;
        let file = dir.path().join(FILE);
        (file.exists() && test_kill_process(pid).is_ok()).then_some(file)
    });
    let files: Vec<PathBuf> = runs.collect();
    match &files[..] {
        [] => bail!(
            "no demo of {system} is running: start one (`demo`), or name the file with the endpoints of another system \
             (`audit --endpoints`)"
        ),
        [file] => Ok(file.clone()),
        files => {
            bail!("several demos of {system} are running: name one as --endpoints, of {files:?}")
        }
    }
}

fn show(report: &Report, services: usize, quiescent_after: SignedDuration) {
    ui::print(&format!("{}: {}", ui::bold("The audit"), report.scope(services, quiescent_after)));
    for ReportPart { verdict, said, cases } in report.parts(quiescent_after) {
        let (mark, colour): (_, fn(&str) -> String) = match verdict {
            PartVerdict::Good => (ui::green("✓"), ui::green),
            PartVerdict::Bad => (ui::red("✗"), ui::red),
            PartVerdict::Open => (ui::yellow("·"), ui::yellow),
            PartVerdict::Later => (ui::dim("·"), ui::dim),
        };
        ui::print(&format!("  {mark} {said}"));
        ui::list(cases, colour);
    }
}
