//! The steps of playback.

mod start_playback;
pub(crate) mod watch_playback;

pub use start_playback::{SessionRow, StartPlayback};
pub use watch_playback::WatchPlayback;
