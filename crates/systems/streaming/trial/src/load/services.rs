//! The services of streaming, as a trial's program runs them.

use accounts::Accounts;
use analytics::Analytics;
use ballet_trials::ServiceProgram;
use clap::Parser;
use playback::Playback;
use playback::config::PlaybackSettings;
use titles::Titles;

#[derive(Debug, Parser)]
struct PlaybackArgs {
    #[command(flatten)]
    ballet: ballet::Settings,
    #[command(flatten)]
    playback: PlaybackSettings,
}

/// Returns all services, each with the settings of its own program.
pub(crate) fn services() -> Vec<ServiceProgram> {
    let playback = Playback { settings: PlaybackSettings::default() }.participant().part();
    vec![
        ServiceProgram::of(Accounts::service),
        ServiceProgram::of(Analytics::service),
        ServiceProgram::with(playback, |args: PlaybackArgs, clock| {
            (args.ballet, Playback { settings: args.playback }.service().clock(clock))
        }),
        ServiceProgram::of(Titles::service),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_are_those_of_streaming() {
        let parts: Vec<_> = services().into_iter().map(|service| service.part).collect();
        assert_eq!(parts, crate::system::system().parts);
    }
}
