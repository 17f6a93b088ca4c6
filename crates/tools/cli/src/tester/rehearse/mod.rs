//! `ballet rehearse`: replays a recording against a build, in a world that ends with the command.

mod build;
mod prepare;
mod setting;
mod world;

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use ballet_ops::stream::Recording;

use crate::base::exit::ExitStatus;
use crate::base::options::GlobalOptions;
use crate::base::systems;
use crate::base::ui;
use crate::tester::rehearse::build::{Build, ProgramArg};
use crate::tester::rehearse::setting::ServiceSetting;
use crate::tester::stream::event_selector::{EventSelector, nothing_to_compare};
use crate::tester::stream::expect::ComparingArgs;
use crate::tester::stream::feed::interruption;
use crate::tester::stream::pace::ReplayPace;
use crate::tester::stream::selection::StreamSelection;
use crate::tester::stream::{ReplayArgs, replay};

pub(crate) const EXAMPLES: &str = "\
Examples:
  ballet rehearse target/release tuesday.jsonl.gz
                                       does this build answer as the recorded one did?
  ballet rehearse releases/42 tuesday.jsonl.gz --contracts releases/42/contracts/shop
  ballet rehearse releases/41 tuesday.jsonl.gz --program inventory=releases/42/inventory
                                       one service of another build
  ballet rehearse target/release run.jsonl --prepare ./fill-shelves.sh --env orders.LANES=4

BUILD is a directory with a program for each service of the system, named as the service. The command
brings up a broker and Postgres of its own, runs the services, sends what came from outside, compares
their answers with the recorded ones, saga by saga, and removes all of it. Exit codes: 0 the same, 3
different, 1 a service did not start or ended, 4 there are no servers.";

const INTERRUPTED: &str = "it was interrupted: nothing was compared";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// The directory with the services' programs
    build: PathBuf,
    /// The recording
    recording: PathBuf,
    #[command(flatten)]
    selection: StreamSelection,
    #[command(flatten)]
    comparing: ComparingArgs,
    /// The program of a service that is elsewhere
    #[arg(long, value_name = "SERVICE=PATH", help_heading = "World")]
    program: Vec<ProgramArg>,
    /// A setting of all services, or of one. They inherit none from here, so providers are sandboxes
    #[arg(long, value_name = "[SERVICE.]NAME=VALUE", help_heading = "World")]
    env: Vec<ServiceSetting>,
    /// A command for the shell that gives the services the data that they had before the recording. It gets SERVICE_URL
    /// and SERVICE_DATABASE_URL of each service, and AMQP_URL
    #[arg(long, value_name = "COMMAND", help_heading = "World")]
    prepare: Option<String>,
    /// Make a virtual host and databases on the servers of AMQP_URL and DATABASE_URL, in place of
    /// bringing up servers
    #[arg(long, help_heading = "World")]
    on_given_servers: bool,
    /// original, max, or a factor: 10 is ten times as fast
    #[arg(long, default_value = "max")]
    pace: ReplayPace,
}

pub(crate) async fn run(args: Args, options: &GlobalOptions) -> Result<ExitStatus> {
    let system = systems::system()?;
    let build = Build::find(&args.build, system, args.program)?;
    setting::check(&args.env, system)?;
    // Before anything is brought up.
    check_events(&args.recording, &args.selection, options)?;
    let management_url = options.management_url()?;
    let given = if args.on_given_servers { Some(options.servers()?) } else { None };
    let given = given.map(|(amqp, database)| (amqp, management_url, database));
    let id = options.clock.new_id(options.clock.now());
    let mut stop = Box::pin(interruption());
    let mut stage = tokio::select! {
        biased;
        () = &mut stop => bail!(INTERRUPTED),
        stage = Box::pin(world::open(system, given, id)) => stage?,
    };
    let ended = tokio::select! {
        biased;
        () = &mut stop => None,
        ended = Box::pin(async {
            world::start(&mut stage, build, &args.env).await?;
            if let Some(command) = &args.prepare {
                world::prepare(&mut stage, command).await?;
            }
            let to = (stage.env.ops_amqp_url().to_owned(), args.pace);
            let replayed = ReplayArgs::rehearsal(args.recording, args.selection, to, args.comparing);
            tokio::select! {
                biased;
                failed = stage.failed() => Err(failed.into()),
                done = replay(replayed, options) => done,
            }
        }) => Some(ended),
    };
    if args.prepare.is_none() && matches!(ended, Some(Ok(ExitStatus::Different))) {
        ui::say(
            "the services began with nothing: what requests had told them before, such as goods on \
             stock, comes with --prepare, and their copies of each other's entities come from a recording \
             that begins with the system (--from first)",
        );
    }
    let keep_logs = !matches!(ended, Some(Ok(ExitStatus::All)));
    let torn_down = world::tear_down(stage, keep_logs).await;
    match ended {
        Some(ended) => {
            let done = ended?;
            torn_down?;
            Ok(done)
        }
        None => bail!(INTERRUPTED),
    }
}

/// Refuses a recording without any event to send, before servers are brought up.
fn check_events(file: &Path, selection: &StreamSelection, options: &GlobalOptions) -> Result<()> {
    let selected = EventSelector::new(selection, true, true, options)?;
    for record in Recording::open(file)? {
        if selected.is_wanted(&record?) {
            return Ok(());
        }
    }
    Err(nothing_to_compare(file))
}
