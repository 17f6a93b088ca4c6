//! `ballet replay`: sends the events of a recording again.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Result, bail};
use ballet::core::topology::{EVENTS, OPS};
use ballet_amqp::{Broker, Lookup, Object, Peer};
use ballet_ops::stream::{LookupResult, NewIds, Record, Recording, RecordingHeader, Survey, at};
use ballet_ops::terminal::{ask, is_interactive};

use crate::base::exit::{ExitStatus, of_journal, usage};
use crate::base::options::GlobalOptions;
use crate::base::ui;
use crate::tester::stream::event_selector::{EventSelector, nothing_to_compare};
use crate::tester::stream::expect::{ExpectArgs, Expectation, SentSagas};
use crate::tester::stream::pace::ReplayPace;
use crate::tester::stream::progress::{ProgressFile, ReplayProgress};
use crate::tester::stream::selection::StreamSelection;
use crate::tester::stream::sending::RunningReplay;
use crate::tester::stream::unrepeatable::UnrepeatableSagas;

/// Services refuse events with ids that are older, or ahead of the clock.
const OLD: jiff::SignedDuration = jiff::SignedDuration::from_hours(7 * 24);

const EXAMPLES: &str = "\
Examples:
  ballet replay run.jsonl --to amqp://ops:PASSWORD@test:5672/shop
  ballet replay run.jsonl.gz --pace max --new-ids --from-outside
  ballet replay run.jsonl 'cart.#' --pace 10
  ballet replay run.jsonl --pace step --saga 5f3c9e21
  ballet replay run.jsonl --resume          on after an interruption
  ballet replay run.jsonl --pace max --new-ids --expect-same --to amqp://ops:PASSWORD@test:5672/shop
                                            does this build answer as the recorded one did?

Dead letters in a recording are not sent: services make their own. --from-outside sends only what no
service published in answer to something, so the services of the other system answer anew.";

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
    /// The broker to send to [default: as of every command, with the user `ops`]
    #[arg(long, value_name = "URL", env = "BALLET_REPLAY_URL", hide_env_values = true)]
    to: Option<String>,
    /// original, max, step (asks before each event), or a factor: 10 is ten times as fast
    #[arg(long, default_value = "original")]
    pace: ReplayPace,
    /// Replace the ids of messages and sagas, and the keys that events make by the contracts, wherever they occur
    #[arg(long)]
    new_ids: bool,
    /// Go on after an interruption
    #[arg(long, conflicts_with = "yes")]
    resume: bool,
    #[command(flatten)]
    expect: ExpectArgs,
    /// Send to where it was recorded, without being asked
    #[arg(long)]
    yes: bool,
    /// Say how many events would be sent, and where, and send none
    #[arg(long)]
    dry_run: bool,
    /// Whether it goes into a world that ends with it, so that nobody resumes it.
    #[arg(skip)]
    is_rehearsal: bool,
}

impl ReplayArgs {
    /// A replay of the events from outside, with new ids, into a world that ends with it.
    pub(crate) fn rehearsal(
        file: PathBuf,
        selection: StreamSelection,
        (to, pace): (String, ReplayPace),
        expect: ExpectArgs,
    ) -> Self {
        Self {
            file,
            selection,
            from_outside: true,
            to: Some(to),
            pace,
            new_ids: true,
            resume: false,
            expect,
            yes: true,
            dry_run: false,
            is_rehearsal: true,
        }
    }
}

pub(crate) async fn run(args: ReplayArgs, options: &GlobalOptions) -> Result<ExitStatus> {
    let expected = args.expect.recording(&args.file);
    let from_outside = args.from_outside || expected.is_some();
    let selected = EventSelector::new(&args.selection, args.new_ids, from_outside, options)?;
    let selected = if from_outside {
        selected.of_repeatable(&args.file, expected.is_some())?
    } else {
        selected
    };
    let broker = match &args.to {
        Some(url) => options.broker_at(url)?,
        None => options.broker_as(OPS)?,
    };
    let now = options.clock.now();
    let mut survey = Survey::new(now, selected.made.clone());
    let mut sagas = SentSagas::default();
    let mut hindered = UnrepeatableSagas::default();
    let mut recording = Recording::open(&args.file)?;
    let mut last = None;
    for record in recording.by_ref() {
        let record = record?;
        if selected.is_wanted(&record)
            && let Some((saga, why)) = selected.hindrance(&record)
        {
            hindered.add(saga, why);
        }
        if selected.selects(&record) {
            survey.add(&record, args.new_ids);
            if expected.is_some() {
                sagas.add(&record);
            }
        } else if args.new_ids {
            survey.know(&record);
        }
        last = Some(record);
    }
    if let Some(line) = recording.cut_line() {
        ui::say(&format!(
            "{} is cut off in line {line}: what is before can be used",
            args.file.display()
        ));
    }
    hindered.say(expected.is_some());
    say_texts(&survey);
    if expected.is_some() && survey.records == 0 && !args.dry_run {
        return Err(nothing_to_compare(&args.file));
    }
    let peer = peer_with_exchange(&*broker).await?;
    let to = format!("{}/{}", peer.address, peer.vhost);
    if args.dry_run {
        let events = ui::counted(survey.records, "event");
        ui::print(&format!("{events} would be sent to {to}; nothing was sent"));
        return Ok(ExitStatus::All);
    }
    let file = (!args.is_rehearsal).then(|| ProgressFile::of(&args.file));
    let progress = if let Some(file) = file.as_ref().filter(|_| args.resume) {
        file.resumed(&to, &selected.words, &selected.made.words())?
    } else {
        file.as_ref().map_or(Ok(()), ProgressFile::refuse_interrupted)?;
        if survey.records > 0 && !args.yes {
            let origin = origin(&broker, &peer, recording.header(), last.as_ref()).await;
            confirm(origin, &to, survey.records)?;
        }
        let later = later(&survey, now);
        // With new ids the last event is of now.
        let made = if args.new_ids { survey.last } else { Some(now) };
        if made.zip(survey.first).is_some_and(|(made, first)| made.duration_since(first) > OLD) {
            ui::say(if args.new_ids {
                "these events are of more than the seven days that services remember: they may refuse the \
                 first of them as too old. Record less with --since"
            } else {
                "these events are older than the seven days that services remember: they may \
                 refuse them as too old. --new-ids gives them ids of today"
            });
        }
        let (selection, keys) = (selected.words.clone(), selected.made.words());
        ReplayProgress { to, selection, keys, sent: 0, later, run: options.clock.new_id(now) }
    };
    let ids = args.new_ids.then(|| NewIds::new(survey.clone(), progress.later, progress.run));
    let expectation = match expected {
        Some(expected) => {
            let (ids, shown) = (ids.as_ref(), (progress.run, options.output));
            let (broker, made) = (Arc::clone(&broker), selected.made.clone());
            let args = &args.expect;
            Some(Expectation::begin(args, expected, &sagas, ids, broker, made, shown).await?)
        }
        None => None,
    };
    let replay = RunningReplay { file, progress, ids, whole: survey.records, pace: args.pace, now };
    match (replay.run(broker, &args.file, &selected).await, expectation) {
        (Ok(ExitStatus::All), Some(expectation)) => expectation.compare().await,
        (ended, Some(expectation)) => {
            expectation.give_up().await;
            ended
        }
        (ended, None) => ended,
    }
}

/// Only their service knows the form of keys that are no UUIDs.
fn say_texts(survey: &Survey) {
    let names: Vec<&str> = survey.texts().collect();
    if !names.is_empty() {
        ui::say(&format!(
            "these keys are no UUIDs, and their values stay: {}. Only ids inside of them are replaced",
            names.join(", ")
        ));
    }
}

/// Without the exchange nothing can be sent or resumed.
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

/// The shift of the new ids, in milliseconds. No new id is ahead of the clock, whatever the pace: a resumed replay may
/// be faster.
fn later(survey: &Survey, now: jiff::Timestamp) -> i64 {
    survey.last.map_or(0, |last| now.as_millisecond() - last.as_millisecond())
}

#[derive(Clone, Copy)]
enum RecordingOrigin {
    Here,
    Elsewhere,
    Unknown,
}

/// A system has many addresses (nodes, aliases, tunnels), so it is known by its journal, with the recording's last
/// message at the same offset.
async fn origin(
    broker: &Arc<dyn Broker>,
    here: &Peer,
    header: &RecordingHeader,
    last: Option<&Record>,
) -> RecordingOrigin {
    if header.system != here.vhost {
        return RecordingOrigin::Elsewhere;
    }
    if header.broker == here.address {
        return RecordingOrigin::Here;
    }
    let Some((offset, last)) = last.and_then(|last| Some((last.offset?, last))) else {
        return RecordingOrigin::Unknown;
    };
    match at(broker, offset).await {
        Ok(LookupResult::Record(there)) if there.is_same_message_as(last) => RecordingOrigin::Here,
        Ok(LookupResult::Record(_) | LookupResult::Beyond) => RecordingOrigin::Elsewhere,
        Ok(LookupResult::Gone) | Err(_) => RecordingOrigin::Unknown,
    }
}

/// The recording would change its own system.
fn confirm(origin: RecordingOrigin, to: &str, events: u64) -> Result<()> {
    let why = match origin {
        RecordingOrigin::Elsewhere => return Ok(()),
        RecordingOrigin::Here => format!("{to} is where it was recorded"),
        RecordingOrigin::Unknown => format!("nobody knows whether {to} is where it was recorded"),
    };
    if !is_interactive() {
        return Err(usage(format!(
            "{why}: name another broker with --to, or give --yes to send to {to}"
        )));
    }
    let question = format!("{why}. Send {} to {to}? Type `replay`:", ui::counted(events, "event"));
    if ask(&question)? != "replay" {
        return Err(usage("nothing was sent"));
    }
    Ok(())
}
