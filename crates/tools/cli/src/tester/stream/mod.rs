//! `ballet tap`, `watch`, `record` and `replay`: the stream of events, on the screen, judged, in a file, and back.

mod differences;
pub(crate) mod event_selector;
pub(crate) mod expect;
pub(crate) mod feed;
pub(crate) mod pace;
mod record;
mod render;
mod replay;
pub(crate) mod selection;
mod sending;
mod tap;
mod unrepeatable;
mod watch;

pub(crate) use record::{RecordArgs, run as record};
pub(crate) use replay::{ReplayArgs, run as replay};
pub(crate) use tap::{TapArgs, run as tap};
pub(crate) use watch::{WatchArgs, run as watch};
