//! `ballet topology`: compares the broker with the declarations, and repairs it.

mod repair;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use ballet::core::topology;
use ballet::core::topology::drift::{Difference, ObjectKind, compare};
use ballet_amqp::ManagementApi;
use ballet_check::definitions;
use ballet_ops::audit;
use ballet_ops::doctor::abandoned_queues;
use ballet_ops::management::{self, has_to_be_asked_for, read_objects};
use ballet_ops::standing::finding::Finding;
use clap::Subcommand;
use serde_json::{Value, json};

use crate::base::exit::ExitStatus;
use crate::base::options::GlobalOptions;
use crate::base::systems::system;
use crate::base::time_or_age::TimeOrAge;
use crate::base::ui::{self, Output};
use crate::operator::dlq::send_args::SendArgs;

const IN_FORCE: Duration = Duration::from_secs(10);
const LOOK: Duration = Duration::from_millis(250);
/// It has loaded `broker/definitions.json`.
const DEVELOPMENT: &str = "http://topology:topology-development@127.0.0.1:15672";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show what differs: exchanges, queues and their arguments, bindings, policies
    Check(DefinitionsArgs),
    /// Create what is missing, and change policies; --prune also removes, and lets policies keep less
    Apply(ApplyArgs),
    /// Do all that a loss of messages needs: apply, then send what no binding took and what services have missed
    Repair(RepairArgs),
    /// Print the definitions of the broker as a file, with passwords for one machine
    Definitions {
        /// Only the rights of the users, who already exist: their passwords stay
        #[arg(long)]
        rights: bool,
    },
}

#[derive(Debug, clap::Args)]
pub(crate) struct DefinitionsArgs {
    /// The virtual host [default: the one in the definitions]
    #[arg(long, env = "BALLET_VHOST", value_name = "NAME")]
    vhost: Option<String>,
    /// Compare with this file instead of the contracts
    #[arg(long, value_name = "FILE")]
    definitions: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ApplyArgs {
    #[command(flatten)]
    source: DefinitionsArgs,
    /// Also remove our own bindings that are no longer declared, and let policies keep less, once no process of the
    /// previous release runs: it would get no events through them, and not be ready
    #[arg(long)]
    prune: bool,
    /// Show what would be done, and change nothing
    #[arg(long)]
    dry_run: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct RepairArgs {
    #[command(flatten)]
    source: DefinitionsArgs,
    /// The time from which on messages may be lost, `2026-02-01T12:00:00Z`, or an age such as `2h` [default: as far
    /// back as inboxes remember]
    #[arg(long, value_name = "TIME")]
    since: Option<TimeOrAge>,
    /// Wait at most this many seconds for a service that is behind
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(..=86_400))]
    patience: u64,
    #[command(flatten)]
    sending: SendArgs,
}

pub(crate) async fn run(command: Command, options: &GlobalOptions) -> Result<ExitStatus> {
    match command {
        Command::Check(source) => check(&source, options).await,
        Command::Apply(args) => apply(&args.source, args.prune, args.dry_run, options).await,
        Command::Repair(RepairArgs { source, since, patience, sending }) => {
            let applied = apply(&source, false, sending.dry_run, options).await?;
            repair::run(applied, since, patience, &sending, options).await
        }
        Command::Definitions { rights } => {
            let text = match rights {
                true => definitions::rights(system()?, "ballet topology definitions --rights"),
                false => definitions::text(system()?, "ballet topology definitions"),
            };
            ui::raw(text.trim_end());
            Ok(ExitStatus::All)
        }
    }
}

async fn check(source: &DefinitionsArgs, options: &GlobalOptions) -> Result<ExitStatus> {
    let (definitions, management) = source.open(options)?;
    let found = read_objects(&management).await?;
    let differences = compare(&definitions, &found);
    let held = held_messages(&management, &found.queues).await?;
    let abandoned = abandoned_queues(&differences, &found);
    show(&differences, &held, &abandoned, options);
    let is_whole =
        held.is_empty() && abandoned.is_empty() && !differences.iter().any(Difference::is_drift);
    Ok(if is_whole { ExitStatus::All } else { ExitStatus::Failed })
}

async fn apply(
    source: &DefinitionsArgs,
    prune: bool,
    dry_run: bool,
    options: &GlobalOptions,
) -> Result<ExitStatus> {
    let (definitions, management) = source.open(options)?;
    let differences = compare(&definitions, &read_objects(&management).await?);
    let is_asked = |difference: &Difference| prune || !has_to_be_asked_for(difference);
    if dry_run {
        show(&differences, &[], &[], options);
        ui::say("nothing was changed");
        return Ok(ExitStatus::All);
    }
    let (mut done, mut is_policed) = (0, false);
    let due = differences.iter().filter(|one| one.can_be_applied() && is_asked(one));
    for difference in due {
        management::apply(&management, difference).await.with_context(|| {
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
    let left = remaining_differences(&definitions, &management, is_policed).await?;
    show(&left, &[], &[], options);
    Ok(match left.iter().any(|one| one.is_drift() && is_asked(one)) {
        false => ExitStatus::All,
        true if done > 0 => ExitStatus::Partly,
        true => ExitStatus::Failed,
    })
}

/// A new policy is in force some moments later.
async fn remaining_differences(
    definitions: &Value,
    management: &ManagementApi,
    is_policed: bool,
) -> Result<Vec<Difference>> {
    let begun = Instant::now();
    loop {
        let left = compare(definitions, &read_objects(management).await?);
        let waits = left.iter().any(|one| matches!(one, Difference::Policed { .. }));
        if !is_policed || !waits || begun.elapsed() > IN_FORCE {
            return Ok(left);
        }
        tokio::time::sleep(LOOK).await;
    }
}

impl DefinitionsArgs {
    /// Reads the definitions, and opens the broker's management API.
    fn open(&self, options: &GlobalOptions) -> Result<(Value, ManagementApi)> {
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
        let address = options.management_url()?;
        let address = address.as_deref().unwrap_or(DEVELOPMENT);
        let management = ManagementApi::at(address, vhost, management::PATIENCE)?;
        Ok((definitions, management))
    }
}

/// Sentences about the messages that the broker cannot dead-letter. Messages that are merely on their way do not count.
async fn held_messages(management: &ManagementApi, queues: &[Value]) -> Result<Vec<String>> {
    let held = audit::stay_held(queues, || management::queues(management)).await?;
    Ok(held.iter().map(|(queue, count)| audit::held_words(queue, *count)).collect())
}

/// `apply` needs `--prune` for this.
const PRUNE: &str = "prune";

fn action(difference: &Difference) -> &'static str {
    match difference {
        _ if has_to_be_asked_for(difference) => PRUNE,
        Difference::Missing { .. } => "create",
        Difference::Other { kind: ObjectKind::Policy, .. } => "change",
        Difference::Other { .. } => "by hand",
        Difference::Policed { .. } => "policy",
        Difference::Unwanted { .. } | Difference::Strange { .. } => "leave",
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
    abandoned: &[Finding],
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
    for Finding { found, advice, .. } in abandoned {
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
             start the service. What came meanwhile is in the journal: `{ballet} topology repair --since TIME` \
             sends it, and shows it before with --dry-run. A queue of retries becomes empty by itself: wait for \
             that before you delete it"
        ));
    }
}
