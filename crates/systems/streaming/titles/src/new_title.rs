//! The body of a request to publish a title, and its validation.

use ballet::http::{Place, Problem};
use schemars::JsonSchema;
use serde::Deserialize;
use streaming_events::titles::Right;
use streaming_events::{Slug, check_text};

const MAX_RIGHTS: usize = 500;
/// In characters.
const MAX_DESCRIPTION: usize = 4_000;
/// The maximum length, which is two days.
const MAX_LENGTH: u32 = 172_800;
const MAX_AGE: u8 = 21;

/// A title that is to be published.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
pub(crate) struct NewTitle {
    /// The name.
    #[schemars(length(min = 1, max = 200))]
    pub(crate) name: String,
    /// The description.
    #[serde(default)]
    #[schemars(length(max = MAX_DESCRIPTION))]
    pub(crate) description: String,
    /// The genre.
    pub(crate) genre: Slug,
    /// The minimum age of viewers.
    #[serde(default)]
    #[schemars(range(max = MAX_AGE))]
    pub(crate) min_age: u8,
    /// The length of the title.
    #[schemars(range(min = 1, max = MAX_LENGTH))]
    pub(crate) length_seconds: u32,
    /// The regions and periods in which the title may be shown.
    #[schemars(length(min = 1, max = MAX_RIGHTS))]
    pub(crate) rights: Vec<Right>,
}

impl NewTitle {
    pub(crate) fn checked(self) -> Result<Self, Problem> {
        let wrong = |field: &'static str, why: String| {
            Err(Problem::unprocessable(format!("{field} {why}")).at(Place::body([field])))
        };
        if let Err(why) = check_text(&self.name) {
            return wrong("name", why.to_string());
        }
        if self.description.chars().nth(MAX_DESCRIPTION).is_some() {
            return wrong("description", format!("is longer than {MAX_DESCRIPTION} characters"));
        }
        if self.description.contains('\0') {
            return wrong("description", "has a NUL character".to_owned());
        }
        if self.min_age > MAX_AGE {
            return wrong("min_age", format!("is at most {MAX_AGE}"));
        }
        if !(1..=MAX_LENGTH).contains(&self.length_seconds) {
            return wrong("length_seconds", format!("is 1 to {MAX_LENGTH}"));
        }
        if !(1..=MAX_RIGHTS).contains(&self.rights.len()) {
            return wrong("rights", format!("are 1 to {MAX_RIGHTS} regions and periods"));
        }
        if let Some(right) = self.rights.iter().find(|right| right.until <= right.from) {
            return wrong("rights", format!("in {} end before they begin", right.region));
        }
        Ok(self)
    }
}
