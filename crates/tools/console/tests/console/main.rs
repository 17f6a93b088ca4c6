//! The console over HTTP, on a real broker and a real database.

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
mod repair;
mod test_console;
mod web_browser;
