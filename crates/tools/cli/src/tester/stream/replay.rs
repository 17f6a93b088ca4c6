//! `ballet replay`: sends the events of a recording again.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Result, bail};
use ballet::core::topology::EVENTS;
use ballet_amqp::{Broker, Lookup, Object, Peer};
use ballet_ops::stream::{NewIds, Recording, RecordingHeader, Survey};

use crate::base::exit::{ExitStatus, of_journal, usage};
use crate::base::options::GlobalOptions;
use crate::base::ui;
use crate::tester::stream::event_selector::{EventSelector, nothing_to_compare};
use crate::tester::stream::expect::{ComparingArgs, Expectation, SentSagas};
use crate::tester::stream::pace::ReplayPace;
use crate::tester::stream::selection::StreamSelection;
use crate::tester::stream::sending::RunningReplay;
use crate::tester::stream::unrepeatable::UnrepeatableSagas;

/// Services refuse events with ids that are older, or ahead of the clock.
const OLD: jiff::SignedDuration = jiff::SignedDuration::from_hours(7 * 24);

const EXAMPLES: &str = "\
Examples:
  ballet replay run.jsonl --to amqp://ops:PASSWORD@test:5672/shop
  ballet replay run.jsonl.gz --to ... --pace max --new-ids --from-outside
  ballet replay run.jsonl 'cart.#' --to ... --pace 10
Dead letters in a recording are not sent: services make their own. --from-outside sends only what no
service published in answer to something, so the services of the other system answer anew. After an interruption
the same command sends all again; without --new-ids services drop what they had.";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ReplayArgs {
    /// The recording
    file: PathBuf,
    #[command(flatten)]
    selection: StreamSelection,
    /// Only events that nothing in the recording's system caused, such as those of foreign producers
    #[arg(long, help_heading = "Selection")]
    from_outside: bool,
    /// The broker to send to
    #[arg(long, value_name = "URL", env = "BALLET_REPLAY_URL", hide_env_values = true)]
    to: String,
    /// original, max, or a factor: 10 is ten times as fast
    #[arg(long, default_value = "original")]
    pace: ReplayPace,
    /// Replace the ids of messages and sagas, and the keys that events make by the contracts, wherever they occur
    #[arg(long)]
    new_ids: bool,
    /// Also send to where it was recorded
    #[arg(long)]
    yes: bool,
    /// Say how many events would be sent, and where, and send none
    #[arg(long)]
    dry_run: bool,
    /// How the answers are compared, in a rehearsal.
    #[arg(skip)]
    compared: Option<ComparingArgs>,
}

impl ReplayArgs {
    /// A replay of the events from outside, with new ids, into a world that ends with it.
    pub(crate) fn rehearsal(
        file: PathBuf,
        selection: StreamSelection,
        (to, pace): (String, ReplayPace),
        compared: ComparingArgs,
    ) -> Self {
        Self {
            file,
            selection,
            from_outside: true,
            to,
            pace,
            new_ids: true,
            yes: true,
            dry_run: false,
            compared: Some(compared),
        }
    }
}

pub(crate) async fn run(args: ReplayArgs, options: &GlobalOptions) -> Result<ExitStatus> {
    let mut selected =
        EventSelector::new(&args.selection, args.new_ids, args.from_outside, options)?;
    if args.compared.is_some() {
        selected = selected.of_repeatable(&args.file)?;
    }
    let broker = options.broker_at(&args.to)?;
    let now = options.clock.now();
    let mut survey = Survey::new(now, selected.made.clone());
    let mut sagas = SentSagas::default();
    let mut hindered = UnrepeatableSagas::default();
    let mut recording = Recording::open(&args.file)?;
    for record in recording.by_ref() {
        let record = record?;
        if selected.is_wanted(&record)
            && let Some((saga, why)) = selected.hindrance(&record)
        {
            hindered.add(saga, why);
        }
        if selected.selects(&record) {
            survey.add(&record, args.new_ids);
            sagas.add(&record);
        } else if args.new_ids {
            survey.know(&record);
        }
    }
    if let Some(line) = recording.cut_line() {
        ui::say(&format!(
            "{} is cut off in line {line}: what is before can be used",
            args.file.display()
        ));
    }
    hindered.say();
    if args.compared.is_some() && survey.records == 0 {
        return Err(nothing_to_compare(&args.file));
    }
    let peer = peer_with_exchange(&*broker).await?;
    let to = format!("{}/{}", peer.address, peer.vhost);
    if args.dry_run {
        let events = ui::counted(survey.records, "event");
        ui::print(&format!("{events} would be sent to {to}; nothing was sent"));
        return Ok(ExitStatus::All);
    }
    let RecordingHeader { system, broker: recorded, .. } = recording.header();
    if !args.yes && (system, recorded) == (&peer.vhost, &peer.address) {
        return Err(usage(format!(
            "{to} is where it was recorded: name another broker with --to, or give --yes"
        )));
    }
    // With new ids the last event is of now.
    let made = if args.new_ids { survey.last } else { Some(now) };
    if made.zip(survey.first).is_some_and(|(made, first)| made.duration_since(first) > OLD) {
        ui::say(
            "these events are of more than the seven days that services remember: they may refuse the first of \
             them as too old. --new-ids gives them ids of today, and a shorter recording (--since) fits",
        );
    }
    let (whole, last) = (survey.records, survey.last);
    // No new id is ahead of the clock, whatever the pace.
    let later = last.map_or(0, |last| now.as_millisecond() - last.as_millisecond());
    let ids = args.new_ids.then(|| NewIds::new(survey, later, options.clock.new_id(now)));
    let expectation = match &args.compared {
        Some(compared) => {
            let (broker, ids) = (Arc::clone(&broker), ids.as_ref());
            let begun =
                Expectation::begin(compared, &args.file, &sagas, ids, broker, &selected, options);
            Some(begun.await?)
        }
        None => None,
    };
    let replay = RunningReplay { to, ids, whole, pace: args.pace, now };
    match (replay.run(broker, &args.file, &selected).await, expectation) {
        (Ok(ExitStatus::All), Some(expectation)) => expectation.compare().await,
        (ended, Some(expectation)) => {
            expectation.give_up().await;
            ended
        }
        (ended, None) => ended,
    }
}

/// Without the exchange nothing can be sent.
async fn peer_with_exchange(broker: &dyn Broker) -> Result<Peer> {
    let session = broker.connect("ballet replay").await;
    let session = session.map_err(|error| of_journal(error.into()))?;
    let found = session.find(&Object::Exchange(EVENTS.to_owned())).await;
    let peer = session.peer().clone();
    session.close().await;
    match found.map_err(|error| of_journal(error.into()))? {
        Lookup::Found(_) | Lookup::Hidden(_) => Ok(peer),
        Lookup::Absent => bail!(
            "there is no exchange `{EVENTS}` in vhost `{}`: make it with `ballet topology apply`",
            peer.vhost
        ),
    }
}
