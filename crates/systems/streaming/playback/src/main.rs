//! The service `playback`.

use std::process::ExitCode;

use clap::Parser;
use playback::config::PlaybackSettings;

/// Streaming's playback.
#[derive(Debug, Parser)]
#[command(version)]
struct Args {
    #[command(flatten)]
    ballet: ballet::Settings,
    #[command(flatten)]
    playback: PlaybackSettings,
}

fn main() -> ExitCode {
    ballet::main(|args: Args| (args.ballet, playback::service(args.playback)))
}
