//! `ballet topology`: compares the broker with what the system declares, and repairs it.

pub(crate) mod abandoned;
pub(crate) mod management;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use ballet::core::topology;
use ballet::core::topology::drift::{Difference, ObjectKind, compare};
use ballet_check::definitions;
use ballet_ops::audit;
use clap::Subcommand;
use serde_json::{Value, json};

use crate::base::exit::Done;
use crate::base::options::{GlobalOptions, management_url};
use crate::base::systems::system;
use crate::base::ui::{self, Output};
use crate::operator::topology::abandoned::{Abandoned, abandoned};
use crate::operator::topology::management::Management;

/// The longest time until a policy is in force.
const IN_FORCE: Duration = Duration::from_secs(10);
const LOOK: Duration = Duration::from_millis(250);
/// A broker on this machine that has loaded `broker/definitions.json`.
const DEVELOPMENT: &str = "http://topology:topology-development@127.0.0.1:15672";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show what differs: exchanges, queues and their arguments, bindings, policies
    Check(Source),
    /// Create what is missing, and change policies; --prune also removes, and lets policies keep less
    Apply(Apply),
    /// Print the definitions of the broker as a file, with passwords for one machine
    Definitions {
        /// Only the rights of the users, who are there already: their passwords stay
        #[arg(long)]
        rights: bool,
    },
}

#[derive(Debug, clap::Args)]
pub(crate) struct Source {
    /// RabbitMQ's management API, with user and password [default: RABBITMQ_MANAGEMENT_URL, or the
    /// development user on this machine]
    #[arg(long, env = "BALLET_MANAGEMENT_URL", hide_env_values = true, value_name = "URL")]
    management_url: Option<String>,
    /// The virtual host [default: the one in the definitions]
    #[arg(long, env = "BALLET_VHOST", value_name = "NAME")]
    vhost: Option<String>,
    /// Compare with this file instead of the contracts
    #[arg(long, value_name = "FILE")]
    definitions: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Apply {
    #[command(flatten)]
    source: Source,
    /// Also remove our own bindings that are no longer declared, and let policies keep less, once no process of
    /// the release before runs: it gets no events by them then, and is not ready
    #[arg(long)]
    prune: bool,
    /// Show what would be done, and change nothing
    #[arg(long)]
    dry_run: bool,
}

pub(crate) async fn run(command: Command, options: &GlobalOptions) -> Result<Done> {
    match command {
        Command::Check(source) => check(&source, options).await,
        Command::Apply(args) => apply(&args, options).await,
        Command::Definitions { rights } => {
            let text = match rights {
                true => definitions::rights(system()?, "ballet topology definitions --rights"),
                false => definitions::text(system()?, "ballet topology definitions"),
            };
            ui::raw(text.trim_end());
            Ok(Done::All)
        }
    }
}

async fn check(source: &Source, options: &GlobalOptions) -> Result<Done> {
    let (definitions, management) = source.open()?;
    let found = management.found().await?;
    let differences = compare(&definitions, &found);
    let held = held(&management, &found.queues).await?;
    let abandoned = abandoned(&differences, &found);
    show(&differences, &held, &abandoned, options);
    let is_whole =
        held.is_empty() && abandoned.is_empty() && !differences.iter().any(Difference::is_drift);
    Ok(if is_whole { Done::All } else { Done::Failed })
}

async fn apply(args: &Apply, options: &GlobalOptions) -> Result<Done> {
    let (definitions, management) = args.source.open()?;
    let differences = compare(&definitions, &management.found().await?);
    let is_asked = |difference: &Difference| args.prune || action(difference) != PRUNE;
    if args.dry_run {
        show(&differences, &[], &[], options);
        ui::say("nothing was changed");
        return Ok(Done::All);
    }
    let (mut done, mut is_policed) = (0, false);
    let due = differences.iter().filter(|one| one.can_be_applied() && is_asked(one));
    for difference in due {
        management.apply(difference).await.with_context(|| {
            let done = if done == 1 { "1 change was" } else { &format!("{done} changes were") };
            format!("{difference}; {done} made before this")
        })?;
        done += 1;
        is_policed |= matches!(
            difference,
            Difference::Missing { kind: ObjectKind::Policy, .. }
                | Difference::Other { kind: ObjectKind::Policy, .. }
        );
        ui::say(&format!("{}: {}", past(difference), difference.object()));
    }
    let left = left(&definitions, &management, is_policed).await?;
    show(&left, &[], &[], options);
    Ok(match left.iter().any(|one| one.is_drift() && is_asked(one)) {
        false => Done::All,
        true if done > 0 => Done::Partly,
        true => Done::Failed,
    })
}

/// What still differs. A policy that was made just now is in force some moments later.
async fn left(
    definitions: &Value,
    management: &Management,
    is_policed: bool,
) -> Result<Vec<Difference>> {
    let begun = Instant::now();
    loop {
        let left = compare(definitions, &management.found().await?);
        let waits = left.iter().any(|one| matches!(one, Difference::Policed { .. }));
        if !is_policed || !waits || begun.elapsed() > IN_FORCE {
            return Ok(left);
        }
        tokio::time::sleep(LOOK).await;
    }
}

impl Source {
    /// The definitions, and the broker's management API.
    fn open(&self) -> Result<(Value, Management)> {
        let definitions: Value = match &self.definitions {
            Some(file) => {
                let text = std::fs::read_to_string(file);
                let text = text.with_context(|| format!("cannot read {}", file.display()))?;
                let not_json = || format!("{} is not JSON", file.display());
                serde_json::from_str(&text).with_context(not_json)?
            }
            None => topology::definitions(system()?, |_| String::new()),
        };
        let vhost = self.vhost.as_deref().or(definitions["vhosts"][0]["name"].as_str());
        let vhost = vhost.context("the definitions name no virtual host: give --vhost")?;
        let address = management_url(self.management_url.as_ref());
        let management = Management::at(address.as_deref().unwrap_or(DEVELOPMENT), vhost)?;
        Ok((definitions, management))
    }
}

/// Sentences about the messages that the broker cannot dead-letter. Those that are only on their way
/// are not among them.
async fn held(management: &Management, queues: &[Value]) -> Result<Vec<String>> {
    let held = audit::stay_held(queues, || management.queues()).await?;
    Ok(held.iter().map(|(queue, count)| audit::held_words(queue, *count)).collect())
}

/// What `apply` does only if it is asked to.
const PRUNE: &str = "prune";

/// What `apply` does about a difference.
fn action(difference: &Difference) -> &'static str {
    match difference {
        Difference::Missing { .. } => "create",
        Difference::Unwanted { .. } | Difference::Other { keeps_less: true, .. } => PRUNE,
        Difference::Other { kind: ObjectKind::Policy, .. } => "change",
        Difference::Other { .. } => "by hand",
        Difference::Policed { .. } => "policy",
        Difference::Strange { .. } => "leave",
    }
}

fn past(difference: &Difference) -> &'static str {
    match action(difference) {
        "create" => "created",
        PRUNE if matches!(difference, Difference::Unwanted { .. }) => "removed",
        PRUNE | "change" => "changed",
        other => other,
    }
}

fn show(
    differences: &[Difference],
    held: &[String],
    abandoned: &[Abandoned],
    options: &GlobalOptions,
) {
    if options.output != Output::Table {
        let rows = differences.iter().map(|difference| {
            json!({ "difference": difference.to_string(), "apply": action(difference) })
        });
        let held = held.iter().map(|held| json!({ "held": held }));
        let abandoned = abandoned.iter().map(|one| json!({ "abandoned": one.found }));
        ui::print_json(options.output, rows.chain(held).chain(abandoned));
        return;
    }
    if abandoned.is_empty() && !differences.iter().any(Difference::is_drift) {
        ui::print("the broker is as declared");
    }
    for difference in differences {
        let action = format!("{:<7}", action(difference));
        let action = if difference.is_drift() { ui::yellow(&action) } else { ui::dim(&action) };
        ui::print(&format!("{action}  {difference}"));
    }
    for difference in differences {
        if let Difference::Policed { remedies, .. } = difference {
            ui::say(&format!(
                "{}: not a policy of ours. An administrator removes it: {}",
                difference.object(),
                remedies.join(", ")
            ));
        }
    }
    for held in held {
        ui::print(&format!("{}  {held}", ui::yellow("held   ")));
    }
    for Abandoned { found, advice } in abandoned {
        ui::print(&format!("{}  {found}", ui::yellow("unread ")));
        ui::say(advice);
    }
    let ballet = ui::ballet();
    if differences.iter().any(|difference| action(difference) == PRUNE) {
        ui::say(&format!(
            "bindings that are no longer declared still have readers in the release before, and it may need \
             what a policy keeps longer than declared. Once none of its processes runs, \
             `{ballet} topology apply --prune` removes them, and lets policies keep less"
        ));
    }
    if differences.iter().any(|difference| action(difference) == "by hand") {
        ui::say(&format!(
            "the arguments of an exchange or a queue cannot be changed. By hand, for the queue of a service: note \
             the TIME, let the service empty the queue, stop it, move what is left to another queue (in \
             RabbitMQ's console), delete the queue, run `{ballet} topology apply`, move back what was left, and \
             start the service. What came meanwhile is in the journal: \
             `{ballet} dlq redrive --from-journal SERVICE --since TIME` sends it, and shows it before with \
             --dry-run. A queue of retries becomes empty by itself: wait for that before you delete it. After \
             it or an exchange was made anew, send what is in the journal to each service"
        ));
    }
}
