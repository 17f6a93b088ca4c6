//! The audit of a running shop: through the doors of its services, in their databases, and at the
//! broker.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use ballet_ops::audit::{Broker, Report};
use ballet_testkit::{Bed, Management, Servers};
use jiff::SignedDuration;
use reqwest::Url;
use rustix::process::{Pid, test_kill_process};
use serde::{Deserialize, Serialize};
use shop::audit::Doors;

use crate::ui;

/// The file in a demo's directory that says where everything is.
const FILE: &str = "places.json";
/// So many dead letters of a service are named with their reasons.
const LETTERS: u32 = 20;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A file that names all places, as a running demo writes it; by default that of the demo that
    /// was started last.
    #[arg(long, env = "SHOP_PLACES", value_name = "FILE")]
    places: Option<PathBuf>,
    /// Where a service answers, `orders=http://127.0.0.1:8080`; instead of what the file says.
    #[arg(long, env = "SHOP_DOORS", value_name = "SERVICE=URL", value_delimiter = ',',
          value_parser = named)]
    door: Vec<(String, String)>,
    /// A service's database, `orders=postgres://user:password@host/database`.
    #[arg(long, env = "SHOP_DATABASES", hide_env_values = true, value_name = "SERVICE=URL",
          value_delimiter = ',', value_parser = named)]
    database: Vec<(String, String)>,
    /// The broker's management API, `http://ops:password@host:15672`.
    #[arg(long, env = "RABBITMQ_MANAGEMENT_URL", hide_env_values = true, value_name = "URL")]
    management: Option<String>,
    /// The shop's virtual host.
    #[arg(long, env = "SHOP_VHOST", value_name = "NAME")]
    vhost: Option<String>,
    /// What has not moved for so many seconds is at rest. The broker's numbers are up to five
    /// seconds old.
    #[arg(long, default_value_t = 10, value_name = "SECONDS",
          value_parser = clap::value_parser!(u32).range(0..=86_400))]
    rest: u32,
    /// Print the whole report as JSON.
    #[arg(long)]
    json: bool,
}

fn named(text: &str) -> Result<(String, String), String> {
    let parts = text.split_once('=').filter(|(name, url)| !name.is_empty() && !url.is_empty());
    let (name, url) = parts.ok_or("expected a service and a URL, as in orders=http://...")?;
    Ok((name.to_owned(), url.to_owned()))
}

/// Where everything of a shop is.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Places {
    doors: BTreeMap<String, String>,
    databases: BTreeMap<String, String>,
    /// With user and password.
    management: String,
    vhost: String,
}

impl Places {
    pub(crate) fn new(
        servers: &Servers,
        bed: &Bed,
        doors: BTreeMap<String, String>,
    ) -> Result<Self> {
        let ops = Url::parse(bed.ops_amqp_url()).context("the administrator's URL")?;
        let mut management = Url::parse(servers.rabbitmq().management_url())?;
        // These fail only for URLs without a host.
        management.set_username(ops.username()).ok();
        management.set_password(ops.password()).ok();
        let database = |name: &String| (name.clone(), bed.database_url(name).to_owned());
        Ok(Self {
            databases: doors.keys().map(database).collect(),
            doors,
            management: management.into(),
            vhost: bed.vhost().to_owned(),
        })
    }

    /// Writes them down where the audit finds them; readable for us alone, as there are passwords.
    pub(crate) fn write(&self, dir: &Path) -> Result<()> {
        let path = dir.join(FILE);
        let text = serde_json::to_vec_pretty(self).context("cannot write addresses")?;
        let file =
            OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&path);
        let written = file.and_then(|mut file| file.write_all(&text));
        written.with_context(|| format!("cannot write {}", path.display()))
    }

    fn read(file: &Path) -> Result<Self> {
        let text = fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
        serde_json::from_slice(&text)
            .with_context(|| format!("{} does not say where a shop is", file.display()))
    }

    fn of(args: &Args) -> Result<Self> {
        let whole = args.door.len() == 4 && args.database.len() == 4;
        let mut places = match (&args.places, &args.management, &args.vhost) {
            (Some(file), ..) => Self::read(file)?,
            (None, Some(management), Some(vhost)) if whole => Self {
                doors: BTreeMap::new(),
                databases: BTreeMap::new(),
                management: management.clone(),
                vhost: vhost.clone(),
            },
            (None, ..) => Self::read(&running_demo()?)?,
        };
        places.doors.extend(args.door.iter().cloned());
        places.databases.extend(args.database.iter().cloned());
        if let Some(management) = &args.management {
            places.management.clone_from(management);
        }
        if let Some(vhost) = &args.vhost {
            places.vhost.clone_from(vhost);
        }
        Ok(places)
    }

    fn doors(&self) -> Result<Doors> {
        let door = |service: &str| {
            let known = self.doors.get(service).cloned();
            known.with_context(|| format!("nobody said where {service} answers: add --door"))
        };
        Ok(Doors {
            orders: door("orders")?,
            inventory: door("inventory")?,
            payments: door("payments")?,
            shipping: door("shipping")?,
        })
    }

    /// What the broker holds now.
    pub(crate) async fn broker(&self) -> Result<Broker> {
        Ok(Management::at(&self.management, &self.vhost)?.audited(LETTERS).await?)
    }

    /// Business rows, and the framework's.
    pub(crate) async fn audit(&self, broker: &Broker, rest: SignedDuration) -> Result<Report> {
        let databases: Vec<_> = self.databases.clone().into_iter().collect();
        let system = shop::system();
        let framework = ballet_ops::audit::audit(&system, &databases, broker, rest).await?;
        Ok(shop::audit::audit(&self.doors()?, rest).await?.and(framework))
    }
}

/// The file of the demo that was started last.
fn running_demo() -> Result<PathBuf> {
    let program = std::env::current_exe().context("cannot find this program")?;
    let demos = program.parent().and_then(Path::parent).map(|target| target.join("demo"));
    let demos = demos.context("this program is in no target directory")?;
    let runs = fs::read_dir(&demos).into_iter().flatten().flatten().filter_map(|dir| {
        let pid = Pid::from_raw(dir.file_name().to_str()?.parse().ok()?)?;
        let file = dir.path().join(FILE);
        let begun = fs::metadata(&file).and_then(|file| file.modified()).ok()?;
        test_kill_process(pid).is_ok().then_some((begun, file))
    });
    match runs.max() {
        Some((_, file)) => Ok(file),
        None => bail!(
            "no demo runs: start `cargo xtask demo`, or name the places of another shop, see \
             `cargo xtask audit --help`"
        ),
    }
}

pub(crate) async fn run(args: &Args) -> Result<ExitCode> {
    let places = Places::of(args)?;
    // The broker first: what it has not got any more by then, somebody has.
    let broker = places.broker().await?;
    let report = places.audit(&broker, SignedDuration::from_secs(args.rest.into())).await?;
    if args.json {
        ui::print(&serde_json::to_string_pretty(&report).context("cannot write the report")?);
    } else {
        show(&report, args.rest);
    }
    Ok(if report.is_clean() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn show(report: &Report, rest: u32) {
    let Report { rows, violations, open, stuck } = report;
    ui::print(&format!(
        "{}: {rows} rows of four services, their ledgers, outboxes and calls, and the broker's \
         queues; at rest is what has not moved for {rest} s",
        ui::bold("The audit")
    ));
    let wrong = match violations.len() {
        0 => "nothing is wrong".to_owned(),
        1 => "1 violation".to_owned(),
        count => format!("{count} violations"),
    };
    ui::rule(&wrong, violations);
    for (what, lines) in [("open, and why", open), ("stuck, until somebody acts", stuck)] {
        if !lines.is_empty() {
            ui::print(&format!("  {} {} {what}", ui::yellow("·"), lines.len()));
            ui::list(lines, ui::yellow);
        }
    }
    if open.is_empty() && stuck.is_empty() {
        ui::print("  everything is at rest");
    }
}
