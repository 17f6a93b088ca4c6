//! Values in the events and requests of several systems. Each checks its form when it is parsed, so code can rely on
//! it.

mod code;
mod money;
mod slug;
mod text;

pub use code::{Code, Country, Currency, NotACode};
pub use money::Money;
pub use slug::{NotASlug, Slug};
pub use text::check_text;
