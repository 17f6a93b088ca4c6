//! Runs a hand-written loop, or a comparison, as a process of its own.

use std::io::Write;
use std::path::PathBuf;

use bench::stream::{bare, compare};
use clap::{Parser, Subcommand};

#[derive(Debug, Parser)]
struct Args {
    #[command(subcommand)]
    role: StreamRole,
}

#[derive(Debug, Subcommand)]
enum StreamRole {
    /// Prints events of the journal.
    Tap { url: String, events: u64 },
    /// Writes events of the journal to a file.
    Record { url: String, events: u64, file: PathBuf },
    /// Sends the events of a file.
    Replay { url: String, file: PathBuf },
    /// Compares two recordings, each of a run with this number.
    Compare {
        expected: PathBuf,
        run: u64,
        came: PathBuf,
        other_run: u64,
        sagas: u64,
        folder: PathBuf,
    },
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    match Args::parse().role {
        StreamRole::Tap { url, events } => bare::tap(&url, events).await,
        StreamRole::Record { url, events, file } => bare::record(&url, events, &file).await,
        StreamRole::Replay { url, file } => bare::replay(&url, &file).await,
        StreamRole::Compare { expected, run, came, other_run, sagas, folder } => {
            let found = compare::compare((&expected, run), (&came, other_run), sagas, &folder)?;
            Ok(writeln!(std::io::stdout(), "{}", serde_json::to_string(&found)?)?)
        }
    }
}
