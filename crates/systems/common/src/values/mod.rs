//! Values in the events and requests of several systems: codes, money, slugs, times, bounded texts. Each checks its
//! form when it is parsed, so the code that gets one can rely on it.

mod code;
mod money;
mod slug;
mod text;
mod time;

pub use code::{Code, Country, Currency, NotACode};
pub use money::Money;
pub use slug::{NotASlug, Slug};
pub use text::{WrongText, check_text};
pub use time::{StorableTime, TooEarly};
