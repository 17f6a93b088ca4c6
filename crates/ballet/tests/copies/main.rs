//! Copies: a service keeps another's entities, whatever happens to the events.

mod filling;
mod killed;
mod lamps;
mod property;
mod stage;
mod told;
mod versions;
