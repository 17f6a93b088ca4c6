//! `ballet tap`: shows events as they are published.

use std::io::{self, ErrorKind, Write};
use std::pin::pin;
use std::sync::mpsc;
use std::task::Poll;
use std::time::Duration;

use anyhow::Result;
use ballet::core::topology::TAP;
use ballet_ops::stream::{Record, Start, write_line};
use futures_util::poll;
use serde_json::Value;
use tokio::sync::mpsc as later;
use tokio::time::timeout;

use crate::base::exit::ExitStatus;
use crate::base::options::GlobalOptions;
use crate::base::systems::system;
use crate::base::ui::{self, Output};
use crate::tester::stream::feed::{EventFeed, interruption};
use crate::tester::stream::render::EventPrinter;
use crate::tester::stream::selection::{JournalRange, StreamSelection};

/// An event waits at most this long for others of its write.
const SOON: Duration = Duration::from_millis(5);
/// In bytes.
const FULL: usize = 1 << 16;

const EXAMPLES: &str = "\
Examples:
  ballet tap                                  what is published from now on, until Ctrl-C
  ballet tap 'orders.#' --since 10m           one service's events of the last ten minutes
  ballet tap --saga 5f3c9e21 --from first     one saga from its beginning
  ballet tap --where /body/currency=EUR --header tenant=acme
  ballet tap --since 1h --until now -o jsonl | jq .body

The journal is a stream: reading takes nothing from anybody, and a slow reader holds nothing back.
The user `tap` may read the journal and nothing else. -o jsonl prints the lines of a recording, and
-o json one list of them.";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct TapArgs {
    #[command(flatten)]
    selection: StreamSelection,
    #[command(flatten)]
    range: JournalRange,
}

pub(crate) async fn run(args: TapArgs, options: &GlobalOptions) -> Result<ExitStatus> {
    let filter = args.selection.filter();
    let start = args.range.start(options)?.unwrap_or(Start::Next);
    let mut feed = EventFeed::open(options.broker_as(TAP)?, start, filter, &args.range).await?;
    let mut screen = Screen::new(options);
    args.selection.say_undeclared();
    let shown = show(&mut feed, &mut screen).await;
    if shown.is_ok() && screen.count == 0 && feed.events_read() > 0 {
        ui::say(&format!("none of the {} is wanted", ui::counted(feed.events_read(), "event")));
    }
    feed.close().await;
    match shown {
        Err(error) if is_reader_gone(&error) => Ok(ExitStatus::All),
        shown => shown.map(|()| ExitStatus::All),
    }
}

async fn show(feed: &mut EventFeed, screen: &mut Screen) -> Result<()> {
    loop {
        let mut next = pin!(feed.next());
        // Events share a write, but do not wait long for each other.
        let next = match poll!(next.as_mut()) {
            Poll::Ready(next) => next,
            Poll::Pending => match timeout(SOON, next.as_mut()).await {
                Ok(next) => next,
                Err(_) => {
                    if screen.write().await? == WriteOutcome::Interrupted {
                        return Ok(());
                    }
                    next.await
                }
            },
        };
        match next {
            Ok(Ok(record)) => {
                if screen.show(&record).await? == WriteOutcome::Interrupted {
                    return Ok(());
                }
            }
            ended => {
                screen.end();
                screen.write().await?;
                return ended.map(drop);
            }
        }
    }
}

/// `ballet tap | head` is a usual way to stop.
fn is_reader_gone(error: &anyhow::Error) -> bool {
    let error = error.downcast_ref::<io::Error>();
    error.is_some_and(|error| error.kind() == ErrorKind::BrokenPipe)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum WriteOutcome {
    Whole,
    /// The reader did not read.
    Interrupted,
}

struct Screen {
    output: Output,
    lines: EventPrinter,
    text: Vec<u8>,
    count: u64,
    pipe: mpsc::Sender<Vec<u8>>,
    written: later::UnboundedReceiver<io::Result<()>>,
}

impl Screen {
    fn new(options: &GlobalOptions) -> Self {
        // Without contracts the columns begin with their usual width.
        let lines = EventPrinter::of(system().ok());
        let text = Vec::with_capacity(FULL);
        let (pipe, texts) = mpsc::channel::<Vec<u8>>();
        let (done, written) = later::unbounded_channel();
        // The output may block for ever, and the command can end without this thread.
        std::thread::spawn(move || {
            for text in texts {
                let mut out = io::stdout().lock();
                if done.send(out.write_all(&text).and_then(|()| out.flush())).is_err() {
                    return;
                }
            }
        });
        Self { output: options.output, lines, text, count: 0, pipe, written }
    }

    async fn show(&mut self, record: &Record) -> Result<WriteOutcome> {
        match self.output {
            Output::Table => {
                self.text.extend_from_slice(self.lines.line(record).as_bytes());
                self.text.push(b'\n');
            }
            Output::Jsonl => write_line(record, &mut self.text),
            Output::Json => {
                self.text.extend_from_slice(if self.count == 0 { b"[\n" } else { b",\n" });
                let begin = self.text.len();
                write_line(record, &mut self.text);
                let value: Value = serde_json::from_slice(&self.text[begin..])?;
                self.text.truncate(begin);
                serde_json::to_writer_pretty(&mut self.text, &value)?;
            }
        }
        self.count += 1;
        if self.text.len() < FULL { Ok(WriteOutcome::Whole) } else { self.write().await }
    }

    fn end(&mut self) {
        if self.output == Output::Json {
            let end = if self.count == 0 { &b"[]\n"[..] } else { b"\n]\n" };
            self.text.extend_from_slice(end);
        }
    }

    /// Writes the pending text, however long that takes.
    async fn write(&mut self) -> Result<WriteOutcome> {
        if self.text.is_empty() {
            return Ok(WriteOutcome::Whole);
        }
        let text = std::mem::replace(&mut self.text, Vec::with_capacity(FULL));
        let gone = || io::Error::from(ErrorKind::BrokenPipe);
        // A user who sees the output held up may stop at once.
        let interrupt = interruption();
        self.pipe.send(text).map_err(|_| gone())?;
        tokio::select! {
            biased;
            written = self.written.recv() => written.ok_or_else(gone)??,
            () = interrupt => return Ok(WriteOutcome::Interrupted),
        }
        Ok(WriteOutcome::Whole)
    }
}
