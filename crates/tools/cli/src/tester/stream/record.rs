//! `ballet record`: writes events of the journal to a file.

use std::path::PathBuf;
use std::pin::pin;
use std::time::Duration;

use anyhow::Result;
use ballet::core::topology::TAP;
use ballet_amqp::{Broker, Peer};
use ballet_ops::stream::{RecordingHeader, RecordingWriter, Start};
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
  ballet record orders.jsonl 'orders.#' --limit 1000

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
}

pub(crate) async fn run(args: RecordArgs, options: &GlobalOptions) -> Result<ExitStatus> {
    if args.file.as_os_str() == "-" {
        return Err(usage("`-` is no file: `ballet tap -o jsonl` writes to standard output"));
    }
    let broker = options.broker_as(TAP)?;
    let peer = peer(&*broker).await?;
    let start = args.range.start(options)?.unwrap_or(Start::Next);
    let begun = options.clock.now();
    // First, so that a wrong address leaves no file.
    let mut feed = EventFeed::open(broker, start, args.selection.filter(), &args.range).await?;
    let header = RecordingHeader::new(&peer.vhost, &peer.address, begun, feed.begins());
    let mut writer = RecordingWriter::create(&args.file, &header)?;
    let stopped = record(&mut feed, &mut writer).await;
    feed.close().await;
    let (at, written) = (writer.last(), writer.finish()?);
    stopped?;
    let upto = at.map_or(String::new(), |at| format!(", up to offset {at}"));
    ui::say(&format!(
        "{} recorded in {}{upto}",
        ui::counted(written, "event"),
        args.file.display()
    ));
    Ok(ExitStatus::All)
}

async fn record(feed: &mut EventFeed, writer: &mut RecordingWriter) -> Result<()> {
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
            Err(StopReason::AsAsked | StopReason::Interrupted) => return Ok(()),
        }
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
