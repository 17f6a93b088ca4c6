//! `ballet topology`: what the broker has, against what the system declares.

mod management;

use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};
use ballet::core::drift::{Difference, Kind, compare};
use ballet::core::topology;
use clap::Subcommand;
use serde_json::{Value, json};

use self::management::Management;
use crate::exit::Done;
use crate::place::{Place, systems};
use crate::ui::{self, Output};

/// A broker that has loaded `broker/definitions.json` on this machine.
const HERE: &str = "http://topology:topology-development@127.0.0.1:15672";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Say what differs: exchanges, queues and their arguments, bindings, policies
    Check(Where),
    /// Create what is missing, and remove bindings of ours that are not declared any more
    Apply(Apply),
}

#[derive(Debug, clap::Args)]
pub(crate) struct Where {
    /// RabbitMQ's management API, with user and password [default: the development user here]
    #[arg(long, env = "RABBITMQ_MANAGEMENT_URL", hide_env_values = true, value_name = "URL")]
    management_url: Option<String>,
    /// The virtual host [default: that of the definitions]
    #[arg(long, value_name = "NAME")]
    vhost: Option<String>,
    /// Compare with this file instead of what the system declares in this build
    #[arg(long, value_name = "FILE")]
    definitions: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Apply {
    #[command(flatten)]
    at: Where,
    /// Show what would be done, and do nothing
    #[arg(long)]
    dry_run: bool,
}

pub(crate) async fn run(command: Command, place: &Place) -> Result<Done> {
    match command {
        Command::Check(at) => check(&at, place).await,
        Command::Apply(args) => apply(&args, place).await,
    }
}

async fn check(at: &Where, place: &Place) -> Result<Done> {
    let (definitions, management) = at.open()?;
    let differences = compare(&definitions, &management.found().await?);
    show(&differences, place);
    Ok(if differences.iter().any(Difference::is_drift) { Done::Failed } else { Done::All })
}

async fn apply(args: &Apply, place: &Place) -> Result<Done> {
    let (definitions, management) = args.at.open()?;
    let differences = compare(&definitions, &management.found().await?);
    if args.dry_run {
        show(&differences, place);
        ui::say("nothing was done");
        return Ok(Done::All);
    }
    let mut done = 0;
    for difference in differences.iter().filter(|difference| difference.can_be_applied()) {
        management.apply(difference).await.with_context(|| {
            let many = if done == 1 { "1 thing was" } else { &format!("{done} things were") };
            format!("{difference}; {many} done before")
        })?;
        done += 1;
        ui::say(&format!("{}: {}", past(difference), difference.object()));
    }
    let left = compare(&definitions, &management.found().await?);
    show(&left, place);
    Ok(match left.iter().any(Difference::is_drift) {
        false => Done::All,
        true if done > 0 => Done::Partly,
        true => Done::Failed,
    })
}

impl Where {
    /// What is wanted, and the broker.
    fn open(&self) -> Result<(Value, Management)> {
        let definitions = match &self.definitions {
            Some(file) => {
                let text = std::fs::read_to_string(file);
                let text = text.with_context(|| format!("cannot read {}", file.display()))?;
                let no_json = || format!("{} is no JSON", file.display());
                serde_json::from_str(&text).with_context(no_json)?
            }
            None => match &systems()[..] {
                [system] => topology::definitions(system, |_| String::new()),
                _ => bail!("this build knows several systems: say which with --definitions"),
            },
        };
        let vhost = self.vhost.as_deref().or(definitions["vhosts"][0]["name"].as_str());
        let vhost = vhost.context("the definitions name no virtual host: give --vhost")?;
        let management = Management::at(self.management_url.as_deref().unwrap_or(HERE), vhost)?;
        Ok((definitions, management))
    }
}

/// What `apply` does about it.
fn action(difference: &Difference) -> &'static str {
    match difference {
        Difference::Missing { .. } => "create",
        Difference::Unwanted { .. } => "remove",
        Difference::Other { kind: Kind::Policy, .. } => "change",
        Difference::Other { .. } => "by hand",
        Difference::Strange { .. } => "leave",
    }
}

fn past(difference: &Difference) -> &'static str {
    match action(difference) {
        "create" => "created",
        "remove" => "removed",
        "change" => "changed",
        other => other,
    }
}

fn show(differences: &[Difference], place: &Place) {
    if place.output != Output::Table {
        let rows = differences.iter().map(|difference| {
            json!({ "difference": difference.to_string(), "apply": action(difference) })
        });
        ui::print_json(place.output, rows.collect());
        return;
    }
    if !differences.iter().any(Difference::is_drift) {
        ui::print("the broker has all that is declared, as it is declared");
    }
    for difference in differences {
        let action = format!("{:<7}", action(difference));
        let action = if difference.is_drift() { ui::yellow(&action) } else { ui::dim(&action) };
        ui::print(&format!("{action}  {difference}"));
    }
    if differences.iter().any(|difference| action(difference) == "by hand") {
        ui::say(
            "what an exchange or a queue is made with cannot be changed. By hand: stop the \
             service, move the queue's messages to another one (the console can), delete it, run \
             `ballet topology apply`, move them back",
        );
    }
}
