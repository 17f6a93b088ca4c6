//! `ballet tap`, `record` and `replay`: the stream of all events, on the screen, in a file, and back.

mod differences;
pub(crate) mod expect;
pub(crate) mod feed;
mod left_out;
mod never_run;
pub(crate) mod pace;
mod progress;
mod record;
mod render;
mod replay;
pub(crate) mod selected;
pub(crate) mod selection;
mod sending;
mod tap;

pub(crate) use record::{RecordArgs, run as record};
pub(crate) use replay::{ReplayArgs, run as replay};
pub(crate) use tap::{TapArgs, run as tap};
