//! The journal's stream: its reader, recordings, replays, and the comparison of runs.

mod compare;
mod lagging;
mod recording;
mod repeatable;
