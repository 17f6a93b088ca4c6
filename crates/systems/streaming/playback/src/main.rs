use std::convert::Infallible;

use ballet::{Service, Settings};
use playback::Playback;
use playback::config::PlaybackSettings;

fn playback(settings: PlaybackSettings, _: &Settings) -> Result<Service, Infallible> {
    Ok(Playback { settings }.service())
}

ballet::main!(PlaybackSettings, playback);
