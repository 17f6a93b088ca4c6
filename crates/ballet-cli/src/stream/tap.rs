//! `ballet tap`: shows events as they are published.

use std::io::{self, BufWriter, ErrorKind, Stdout, Write};
use std::pin::pin;
use std::task::Poll;

use anyhow::Result;
use ballet::core::topology::TAP;
use ballet_stream::{Record, Start, write_line};
use futures_util::poll;

use crate::exit::Done;
use crate::options::GlobalOptions;
use crate::stream::feed::Feed;
use crate::stream::render::Lines;
use crate::stream::selection::{Range, Selection};
use crate::ui::Output;

const EXAMPLES: &str = "\
Examples:
  ballet tap                                  what is published from now on, until Ctrl-C
  ballet tap 'orders.#' --since 10m           one service's events of the last ten minutes
  ballet tap --saga 0193f7a1 --from first     one saga from its beginning
  ballet tap --where /body/currency=EUR --header tenant=acme
  ballet tap --since 1h --until now -o jsonl | jq .body

The journal is a stream: reading takes nothing from anybody, and a slow reader holds nothing back.
The user `tap` may read it and nothing else. -o json and jsonl print the form of a recording's lines.";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct TapArgs {
    #[command(flatten)]
    selection: Selection,
    #[command(flatten)]
    range: Range,
}

pub(crate) async fn run(args: TapArgs, options: &GlobalOptions) -> Result<Done> {
    let broker = options.broker_as(TAP)?;
    let start = args.range.start(options)?.unwrap_or(Start::Next);
    let mut feed = Feed::open(broker, start, args.selection.filter(), &args.range).await?;
    let mut screen = Screen::new(options.output);
    let shown = show(&mut feed, &mut screen).await;
    feed.close().await;
    match shown {
        Err(error) if is_reader_gone(&error) => Ok(Done::All),
        shown => shown.map(|()| Done::All),
    }
}

async fn show(feed: &mut Feed, screen: &mut Screen) -> Result<()> {
    loop {
        let mut next = pin!(feed.next());
        // Many events share a write, but none waits for the next one.
        let next = match poll!(next.as_mut()) {
            Poll::Ready(next) => next,
            Poll::Pending => {
                screen.out.flush()?;
                next.await
            }
        };
        match next? {
            Ok(record) => screen.show(&record)?,
            Err(_) => break,
        }
    }
    Ok(screen.out.flush()?)
}

/// `ballet tap | head` is a usual way to stop.
fn is_reader_gone(error: &anyhow::Error) -> bool {
    let error = error.downcast_ref::<io::Error>();
    error.is_some_and(|error| error.kind() == ErrorKind::BrokenPipe)
}

/// Standard output.
struct Screen {
    out: BufWriter<Stdout>,
    output: Output,
    lines: Lines,
    buffer: Vec<u8>,
}

impl Screen {
    fn new(output: Output) -> Self {
        let out = BufWriter::with_capacity(1 << 16, io::stdout());
        Self { out, output, lines: Lines::new(), buffer: Vec::new() }
    }

    fn show(&mut self, record: &Record) -> Result<()> {
        self.buffer.clear();
        match self.output {
            Output::Table => {
                self.buffer.extend_from_slice(self.lines.line(record).as_bytes());
                self.buffer.push(b'\n');
            }
            Output::Jsonl => write_line(record, &mut self.buffer),
            Output::Json => {
                write_line(record, &mut self.buffer);
                let value: serde_json::Value = serde_json::from_slice(&self.buffer)?;
                self.buffer = serde_json::to_vec_pretty(&value)?;
                self.buffer.push(b'\n');
            }
        }
        Ok(self.out.write_all(&self.buffer)?)
    }
}
