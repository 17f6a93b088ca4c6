//! The journal's stream: its reader, recordings, replays, and the comparison of two runs.

mod compare;
mod lagging;
mod recording;
mod repeatable;
