//! Copies: a service keeps another's entities, whatever happens to the events.

mod copy_lag;
mod filling;
mod killed;
mod lamps;
mod property;
mod stage;
mod versions;
