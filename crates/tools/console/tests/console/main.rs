//! The console over HTTP, on a real broker and database.

#![allow(clippy::large_futures, reason = "a test awaits its parts one after the other")]

mod access;
mod actions;
mod answers;
mod browser;
mod by_hand;
mod failing;
mod groups;
mod history;
mod hostile;
mod long_sagas;
mod looks;
mod observer;
mod pages;
mod test_console;
mod violations;
