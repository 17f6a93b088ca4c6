//! `ballet record`: writes events of the journal to a file.

use std::io::ErrorKind;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, anyhow};
use ballet::core::topology::TAP;
use ballet_amqp::{Broker, Peer};
use ballet_ops::stream::{
    Record, RecordingError, RecordingHeader, RecordingWriter, Start, differs,
};
use tokio::time::{MissedTickBehavior, interval};

use crate::base::exit::{ExitStatus, of_journal, usage};
use crate::base::options::GlobalOptions;
use crate::base::ui;
use crate::tester::stream::feed::{EventFeed, StopReason};
use crate::tester::stream::selection::{JournalRange, StreamSelection};

/// A killed process may lose so much from the file, but not from the journal.
const FLUSH_EVERY: Duration = Duration::from_secs(1);

const EXAMPLES: &str = "\
Examples:
  ballet record today.jsonl.gz --since 24h --until now    what the journal has of a day, packed
  ballet record run.jsonl                                 from now on, until Ctrl-C
  ballet record run.jsonl --append                        on after an interruption, with no gap
  ballet record eur.jsonl 'orders.#' --where /body/currency=EUR --limit 1000

The format is described in docs/recordings.md.";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct RecordArgs {
    /// The file; it is packed if its name ends with .gz
    file: PathBuf,
    #[command(flatten)]
    selection: StreamSelection,
    #[command(flatten)]
    range: JournalRange,
    /// Go on after the last event of the file
    #[arg(long)]
    append: bool,
    /// Pack the file, whatever its name is
    #[arg(long, conflicts_with = "append")]
    pack: bool,
}

pub(crate) async fn run(args: RecordArgs, options: &GlobalOptions) -> Result<ExitStatus> {
    if args.file.as_os_str() == "-" {
        return Err(usage("`-` is no file: `ballet tap -o jsonl` writes to standard output"));
    }
    let broker = options.broker_as(TAP)?;
    let peer = peer(&*broker).await?;
    let asked = args.range.start(options)?;
    let begun = options.clock.now();
    let filter = args.selection.filter();
    // First, so that a wrong address leaves no file.
    let (mut feed, mut writer) = if args.append {
        if asked.is_some() {
            return Err(usage(
                "--append goes on behind the last event of the file: leave out --from and --since",
            ));
        }
        let (writer, start, last) = open_to_append(&args, &broker, &peer).await?;
        let feed = EventFeed::open(broker, start, filter, &args.range).await?;
        (feed.after(last), writer)
    } else {
        let start = asked.unwrap_or(Start::Next);
        let feed = EventFeed::open(broker, start, filter, &args.range).await?;
        let header = RecordingHeader::new(&peer.vhost, &peer.address, begun, feed.begins());
        (feed, RecordingWriter::create(&args.file, &header, args.pack).map_err(with_file_advice)?)
    };
    let stopped = record(&mut feed, &mut writer).await;
    feed.close().await;
    let (at, written) = (writer.last(), writer.finish()?);
    let stopped = stopped?;
    let upto = at.map_or(String::new(), |at| format!(", up to offset {at}"));
    ui::say(&format!(
        "{} recorded in {}{upto}",
        ui::counted(written, "event"),
        args.file.display()
    ));
    if stopped == StopReason::Interrupted {
        ui::say("--append goes on from here");
    }
    Ok(ExitStatus::All)
}

async fn record(feed: &mut EventFeed, writer: &mut RecordingWriter) -> Result<StopReason> {
    let progress = ui::Progress::endless("events recorded");
    let mut flush = interval(FLUSH_EVERY);
    flush.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        // Kept over the ticks, as reconnecting takes longer than one.
        let mut next = pin!(feed.next());
        let next = loop {
            tokio::select! {
                next = &mut next => break next,
                _ = flush.tick() => writer.flush()?,
            }
        };
        match next? {
            Ok(record) => {
                writer.add(&record)?;
                progress.show(writer.added());
            }
            Err(stopped) => return Ok(stopped),
        }
    }
}

async fn open_to_append(
    args: &RecordArgs,
    broker: &Arc<dyn Broker>,
    peer: &Peer,
) -> Result<(RecordingWriter, Start, Option<Record>)> {
    let (writer, header, last) = RecordingWriter::append(&args.file).map_err(with_file_advice)?;
    if header.system != peer.vhost {
        return Err(usage(format!(
            "{} is a recording of vhost `{}`, and this is `{}`",
            args.file.display(),
            header.system,
            peer.vhost
        )));
    }
    let Some((offset, last)) = last.and_then(|last| Some((last.offset?, last))) else {
        return Ok((writer, header.from, None));
    };
    let differs = differs(broker, offset, Some(&last)).await.map_err(of_journal)?;
    if let Some(differs) = differs {
        return Err(usage(format!(
            "{} has events up to offset {offset}, and this journal {differs}: it is another one",
            args.file.display()
        )));
    }
    // The recording may have ended within a pack.
    Ok((writer, Start::Offset(offset), Some(last)))
}

/// Adds advice to the error about a file that exists, or does not.
fn with_file_advice(error: RecordingError) -> anyhow::Error {
    let RecordingError::File { path, error: why } = &error else { return error.into() };
    let path = path.display();
    match why.kind() {
        ErrorKind::AlreadyExists => {
            anyhow!("{path} is there already: give another name, or go on with it by --append")
        }
        ErrorKind::NotFound => anyhow!(
            "{path}: there is no such file or folder; --append goes on with a file that is there"
        ),
        _ => error.into(),
    }
}

/// The broker's address and virtual host.
async fn peer(broker: &dyn Broker) -> Result<Peer> {
    let session = broker.connect("ballet record").await;
    let session = session.map_err(|error| of_journal(error.into()))?;
    let peer = session.peer().clone();
    session.close().await;
    Ok(peer)
}
