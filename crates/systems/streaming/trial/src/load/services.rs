//! The services of streaming, as a trial's program runs them.

use ballet_trials::ServiceProgram;
use playback::config::PlaybackSettings;

/// Returns all services, each with the settings of its own program.
pub(crate) fn services() -> Vec<ServiceProgram> {
    let playback = playback::participant(PlaybackSettings::default());
    vec![
        ServiceProgram::of(accounts::service),
        ServiceProgram::of(analytics::service),
        ServiceProgram::with(&playback, |own: PlaybackSettings, _, clock| {
            playback::service(own).clock(clock)
        }),
        ServiceProgram::of(titles::service),
    ]
}
