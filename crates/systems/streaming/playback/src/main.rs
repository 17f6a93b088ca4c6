//! The service `playback`.

use playback::Playback;
use playback::config::PlaybackSettings;

ballet::main!(PlaybackSettings, |settings, _| Playback { settings }.service());
