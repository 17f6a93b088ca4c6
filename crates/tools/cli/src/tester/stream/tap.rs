//! `ballet tap`: shows events as they are published.

use std::io::{self, ErrorKind, Write};

use anyhow::Result;
use ballet::core::topology::TAP;
use ballet_ops::stream::{Start, write_line};

use crate::base::exit::ExitStatus;
use crate::base::options::GlobalOptions;
use crate::base::ui::{self, Output};
use crate::tester::stream::feed::EventFeed;
use crate::tester::stream::render::EventPrinter;
use crate::tester::stream::selection::{JournalRange, StreamSelection};

const EXAMPLES: &str = "\
Examples:
  ballet tap                                  what is published from now on, until Ctrl-C
  ballet tap 'orders.#' --since 10m           one service's events of the last ten minutes
  ballet tap --saga 5f3c9e21 --from first     one saga from its beginning
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
    args.selection.say_undeclared();
    let mut count = 0;
    let shown = show(&mut feed, options.output, &mut count).await;
    if shown.is_ok() && count == 0 && feed.events_read() > 0 {
        ui::say(&format!("none of the {} is wanted", ui::counted(feed.events_read(), "event")));
    }
    feed.close().await;
    match shown {
        Err(error) if is_reader_gone(&error) => Ok(ExitStatus::All),
        shown => shown.map(|()| ExitStatus::All),
    }
}

async fn show(feed: &mut EventFeed, output: Output, count: &mut u64) -> Result<()> {
    let mut lines = EventPrinter::default();
    let (mut out, mut text) = (io::stdout(), Vec::new());
    while let Ok(record) = feed.next().await? {
        if output == Output::Json {
            text.extend_from_slice(if *count == 0 { b"[" } else { b"," });
        }
        match output {
            Output::Table => writeln!(text, "{}", lines.line(&record))?,
            Output::Json | Output::Jsonl => write_line(&record, &mut text),
        }
        out.write_all(&text)?;
        text.clear();
        *count += 1;
    }
    if output == Output::Json {
        out.write_all(if *count == 0 { b"[]\n" } else { b"]\n" })?;
    }
    Ok(())
}

/// `ballet tap | head` is a usual way to stop.
fn is_reader_gone(error: &anyhow::Error) -> bool {
    let error = error.downcast_ref::<io::Error>();
    error.is_some_and(|error| error.kind() == ErrorKind::BrokenPipe)
}
