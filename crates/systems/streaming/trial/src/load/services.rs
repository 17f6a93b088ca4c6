//! The services of streaming, as a trial's program runs them.

use accounts::Accounts;
use analytics::Analytics;
use ballet_trials::ServiceProgram;
use playback::Playback;
use playback::config::PlaybackSettings;
use titles::Titles;

/// Each with the settings of its own program.
pub(crate) fn services() -> Vec<ServiceProgram> {
    let playback = Playback { settings: PlaybackSettings::default() }.participant();
    vec![
        ServiceProgram::of(Accounts::service),
        ServiceProgram::of(Analytics::service),
        ServiceProgram::with(&playback, |settings: PlaybackSettings, _| {
            Playback { settings }.service()
        }),
        ServiceProgram::of(Titles::service),
    ]
}
