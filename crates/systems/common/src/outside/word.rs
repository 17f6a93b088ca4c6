//! Short texts of the other side.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use crate::outside::no_answer::NoAnswer;

/// In characters.
const LONGEST: usize = 200;

/// A name or a code from the other side: 1 to 200 visible ASCII characters.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct Word(String);

impl Word {
    /// Returns the text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the text of a word that an answer must have. `what` is its name.
    ///
    /// # Errors
    ///
    /// Returns [`NoAnswer::NotUnderstood`] if the word is missing.
    pub fn wanted(what: &str, word: Option<Self>) -> Result<String, NoAnswer> {
        word.map(String::from).ok_or_else(|| NoAnswer::NotUnderstood(format!("it has no {what}")))
    }
}

impl TryFrom<String> for Word {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let is_short = (1..=LONGEST).contains(&text.len());
        if is_short && text.bytes().all(|byte| byte.is_ascii_graphic()) {
            Ok(Self(text))
        } else {
            Err(format!("expected 1 to {LONGEST} visible ASCII characters"))
        }
    }
}

impl From<Word> for String {
    fn from(word: Word) -> Self {
        word.0
    }
}

impl fmt::Display for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl JsonSchema for Word {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Word".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^[!-~]{1,200}$" })
    }
}
