//! Checks for services and systems.
//!
//! [`assert_sound`] checks the declarations of all services together, [`assert_contract`] a service's contract among
//! those of its system, and [`assert_states`] the words that its tables allow. [`matrix`] has the checks of each pair of
//! steps, [`explore`] those of a system's schedules, [`openapi`] that of a service's document, [`participant`] those of
//! a program in any language, and [`memory`] a broker without a server. A [`Collector`] takes
//! spans. A [`TestSystem`] runs services on a real broker and databases. A [`WebBrowser`] looks at pages.

#[cfg(feature = "certificates")]
#[doc(hidden)]
pub mod certificates;
#[doc(hidden)]
mod collector;
#[doc(hidden)]
pub mod command;
mod events;
pub mod explore;
#[doc(hidden)]
pub mod health;
mod looks;
pub mod matrix;
mod members;
pub mod memory;
pub mod openapi;
pub mod participant;
#[doc(hidden)]
pub mod process_log;
mod sound;
mod states;
mod test_system;
mod web_browser;
#[doc(hidden)]
pub mod wire;

pub use collector::{CollectedSpan, Collector};
#[doc(hidden)]
pub use looks::{Looks, until_yields};
pub use sound::{assert_contract, assert_contracts_say_all, assert_described, assert_sound};
pub use states::{assert_states, variants};
pub use test_system::TestSystem;
pub use web_browser::WebBrowser;
