//! The console over HTTP, on a real broker and a real database.

mod access;
mod actions;
mod browser;
mod hostile;
mod looks;
mod observer;
mod pages;
mod world;
