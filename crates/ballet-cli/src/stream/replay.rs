//! `ballet replay`: sends the events of a recording again.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;
use ballet::core::topology::OPS;
use ballet_amqp::Broker;
use ballet_stream::{
    Entries, Filter, NewIds, Record, Recording, SendError, Sender, Survey, is_event, to_publish,
};
use ballet_terminal::{ask, is_interactive};

use crate::exit::{Done, usage};
use crate::options::GlobalOptions;
use crate::stream::expect::{ExpectArgs, Expectation, SentSagas};
use crate::stream::feed::interrupted;
use crate::stream::pace::{Metronome, Pace, Turn, until};
use crate::stream::progress::{Progress, ProgressFile};
use crate::stream::record::peer;
use crate::stream::selection::Selection;
use crate::systems::{self, systems};
use crate::ui;

/// What a replay that is killed may send again. Receivers drop it: the ids are the same.
const SAVE_EVERY: Duration = Duration::from_secs(1);
/// Services refuse events whose ids are older, or ahead of the clock.
const OLD: jiff::SignedDuration = jiff::SignedDuration::from_hours(7 * 24);

const EXAMPLES: &str = "\
Examples:
  ballet replay run.jsonl --to amqp://ops:PASSWORD@test:5672/shop
  ballet replay run.jsonl.gz --pace max --new-ids --from-outside
  ballet replay run.jsonl 'cart.#' --pace 10
  ballet replay run.jsonl --pace step --saga 0193f7a1
  ballet replay run.jsonl --resume          on after an interruption
  ballet replay run.jsonl --pace max --new-ids --expect-same --to amqp://ops:PASSWORD@test:5672/shop
                                            does this build answer as the recorded one did?

Dead letters in a recording are not sent: services make their own. --from-outside sends only what no
service published in answer to something, so the services of the other system answer anew.";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ReplayArgs {
    /// The recording, or what rabtap has saved
    file: PathBuf,
    #[command(flatten)]
    selection: Selection,
    /// Only events that nothing in the recording's system caused, such as those of foreign producers
    #[arg(long, help_heading = "Selection")]
    from_outside: bool,
    /// The broker to send to [default: as of every command, with the user `ops`]
    #[arg(long, value_name = "URL", env = "BALLET_REPLAY_URL", hide_env_values = true)]
    to: Option<String>,
    /// original, max, step (asks before each event), or a factor: 10 is ten times as fast
    #[arg(long, default_value = "original")]
    pace: Pace,
    /// Replace the ids of messages and sagas, wherever they stand
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
    /// Say how many events would be sent, and send none
    #[arg(long)]
    dry_run: bool,
    /// It goes into a world that ends with it, so nobody resumes it.
    #[arg(skip)]
    is_rehearsal: bool,
}

impl ReplayArgs {
    /// What came from outside, with new ids, into a world that ends with the replay.
    pub(crate) fn rehearsal(
        file: PathBuf,
        selection: Selection,
        (to, pace): (String, Pace),
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

pub(crate) async fn run(args: ReplayArgs, options: &GlobalOptions) -> Result<Done> {
    let selected = Selected::new(&args, options)?;
    let broker = match &args.to {
        Some(url) => options.broker_at(url)?,
        None => options.broker_as(OPS)?,
    };
    let (mut survey, mut sagas) = (Survey::default(), SentSagas::default());
    let expected = args.expect.recording(&args.file);
    let mut recording = Recording::open(&args.file)?;
    for record in recording.by_ref() {
        let record = record?;
        if selected.is(&record) {
            survey.add(&record, args.new_ids);
            if expected.is_some() {
                sagas.add(&record);
            }
        } else if args.new_ids {
            survey.know(&record);
        }
    }
    if let Some(cut) = recording.cut() {
        ui::say(&format!(
            "{} is cut off in line {}: what is before can be used",
            args.file.display(),
            cut.line
        ));
    }
    if args.dry_run {
        ui::print(&format!("{} would be sent; nothing was sent", ui::events(survey.records)));
        return Ok(Done::All);
    }
    let peer = peer(&*broker).await?;
    let to = format!("{}/{}", peer.address, peer.vhost);
    let file = (!args.is_rehearsal).then(|| ProgressFile::of(&args.file));
    let progress = if let Some(file) = file.as_ref().filter(|_| args.resume) {
        file.resumed(&to, &selected.words)?
    } else {
        file.as_ref().map_or(Ok(()), ProgressFile::refuse_interrupted)?;
        let header = recording.header();
        let from = header.map(|header| format!("{}/{}", header.broker, header.system));
        confirm(&args, from.as_deref(), &to, survey.records)?;
        let now = options.clock.now();
        let later = later(&args, &survey, now);
        if !args.new_ids && survey.first.is_some_and(|first| now.duration_since(first) > OLD) {
            ui::say(
                "these events are older than the seven days that services remember: they may \
                 refuse them as too old. --new-ids gives them ids of today",
            );
        }
        let selection = selected.words.clone();
        Progress { to, selection, sent: 0, later, run: options.clock.new_id(now) }
    };
    let ids = args.new_ids.then(|| NewIds::new(survey.clone(), progress.later, progress.run));
    let expectation = match expected {
        Some(expected) => {
            let (ids, shown) = (ids.as_ref(), (progress.run, options.output));
            let broker = Arc::clone(&broker);
            Some(Expectation::begin(&args.expect, expected, &sagas, ids, broker, shown).await?)
        }
        None => None,
    };
    let replay = Replay { file, progress, ids, whole: survey.records, pace: args.pace };
    match (replay.run(broker, &args.file, &selected).await, expectation) {
        (Ok(Done::All), Some(expectation)) => expectation.compare().await,
        (ended, Some(expectation)) => {
            expectation.give_up().await;
            ended
        }
        (ended, None) => ended,
    }
}

/// Which events are sent.
struct Selected {
    filter: Filter,
    outside: Option<Entries>,
    /// The options that say so.
    words: String,
}

impl Selected {
    fn new(args: &ReplayArgs, options: &GlobalOptions) -> Result<Self> {
        let outside = if args.from_outside || args.expect.recording(&args.file).is_some() {
            systems::read(options.contracts.as_deref())?;
            systems().first().map(Entries::of)
        } else {
            None
        };
        let (selection, new_ids) = (&args.selection, args.new_ids);
        let words = format!("{selection:?} from_outside: {} new_ids: {new_ids}", outside.is_some());
        Ok(Self { filter: selection.filter(), outside, words })
    }

    fn is(&self, record: &Record) -> bool {
        is_event(record)
            && self.filter.matches(record)
            && self.outside.as_ref().is_none_or(|outside| outside.is_from_outside(record))
    }
}

/// How much later the new ids are, in milliseconds. None is ahead of the clock when it is sent.
fn later(args: &ReplayArgs, survey: &Survey, now: jiff::Timestamp) -> i64 {
    let anchor = if args.pace.is_fast() { survey.last } else { survey.first };
    anchor.map_or(0, |anchor| now.as_millisecond() - anchor.as_millisecond())
}

/// A recording that is sent to where it is from changes that system: that is asked for twice.
fn confirm(args: &ReplayArgs, from: Option<&str>, to: &str, events: u64) -> Result<()> {
    let is_elsewhere = from.is_some_and(|from| from != to);
    if is_elsewhere || args.yes {
        return Ok(());
    }
    let why = match from {
        Some(_) => format!("{to} is where it was recorded"),
        None => "nobody knows where it was recorded".to_owned(),
    };
    if !is_interactive() {
        return Err(usage(format!(
            "{why}: name another broker with --to, or give --yes to send to {to}"
        )));
    }
    let question = format!("{why}. Send {} to {to}? Type `replay`:", ui::events(events));
    if ask(&question)? != "replay" {
        return Err(usage("nothing was sent"));
    }
    Ok(())
}

/// A replay on its way.
struct Replay {
    /// None for what nobody resumes.
    file: Option<ProgressFile>,
    progress: Progress,
    ids: Option<NewIds>,
    whole: u64,
    pace: Pace,
}

impl Replay {
    async fn run(
        mut self,
        broker: Arc<dyn Broker>,
        recording: &std::path::Path,
        selected: &Selected,
    ) -> Result<Done> {
        let sender = Sender::open(broker).await;
        let mut sender = sender.map_err(|error| match error {
            SendError::Broker(error) => crate::exit::with_advice(error.into()),
            error => error.into(),
        })?;
        let before = self.progress.sent;
        let sent = self.send(&mut sender, recording, selected).await;
        // What is on its way is waited for, also after Ctrl-C, unless that comes again.
        let finished = match &sent {
            Err(error) if error.is::<SendError>() => Ok(()),
            _ => tokio::select! {
                finished = sender.finish() => finished,
                () = interrupted() => Ok(()),
            },
        };
        self.progress.sent = before + sender.confirmed();
        let is_whole = self.progress.sent >= self.whole;
        match (&sent, &finished) {
            _ if self.pace == Pace::Step => {}
            (Ok(Ended::Whole), Ok(())) if is_whole => {
                self.file.as_ref().inspect(|file| file.remove());
            }
            _ => self.save()?,
        }
        finished?;
        let ended = sent?;
        let of = if is_whole { String::new() } else { format!(" of {}", ui::grouped(self.whole)) };
        ui::say(&format!("{}{of} sent to {}", ui::events(self.progress.sent), self.progress.to));
        if ended == Ended::Interrupted {
            ui::say("--resume goes on from here");
            return Ok(Done::Partly);
        }
        Ok(Done::All)
    }

    fn save(&self) -> Result<()> {
        self.file.as_ref().map_or(Ok(()), |file| file.write(&self.progress))
    }

    async fn send(
        &mut self,
        sender: &mut Sender,
        recording: &std::path::Path,
        selected: &Selected,
    ) -> Result<Ended> {
        let shown = ui::Progress::new("events sent", self.whole);
        let mut metronome = Metronome::new(self.pace)?;
        let mut stop = Box::pin(interrupted());
        let (mut saved, before) = (Instant::now(), self.progress.sent);
        let all = Recording::open(recording)?;
        let mut left_out = before;
        for record in all {
            let mut record = record?;
            if !selected.is(&record) {
                continue;
            }
            if left_out > 0 {
                left_out -= 1;
                continue;
            }
            let mut due = std::pin::pin!(until(metronome.due(&record)));
            loop {
                tokio::select! {
                    biased;
                    () = &mut stop => return Ok(Ended::Interrupted),
                    () = &mut due => break,
                    confirmed = sender.wait(), if sender.is_waiting() => confirmed?,
                }
            }
            match metronome.ask(&record).await? {
                Turn::Send => {}
                Turn::Skip => continue,
                Turn::Quit => return Ok(Ended::Whole),
            }
            if let Some(ids) = &self.ids {
                ids.replace(&mut record);
            }
            tokio::select! {
                sent = sender.send(to_publish(record)) => sent?,
                () = &mut stop => return Ok(Ended::Interrupted),
            }
            shown.show(before + sender.confirmed());
            if saved.elapsed() > SAVE_EVERY && self.pace != Pace::Step {
                self.progress.sent = before + sender.confirmed();
                self.save()?;
                saved = Instant::now();
            }
        }
        Ok(Ended::Whole)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ended {
    Whole,
    Interrupted,
}
