//! A selection of dead letters: in an address, in a form, in words.

use maud::{Markup, html};

use crate::pages::letter::Letter;
use crate::pages::words::encoded;

/// A selection of dead letters, as the address has it.
#[derive(Debug, Clone, Default, serde::Deserialize)]
pub(crate) struct LetterSelection {
    #[serde(default)]
    pub(crate) service: String,
    #[serde(default)]
    pub(crate) reason: String,
    #[serde(default)]
    pub(crate) step: String,
    #[serde(default, rename = "type")]
    pub(crate) event_type: String,
    #[serde(default)]
    pub(crate) detail: String,
    #[serde(default)]
    pub(crate) id: String,
}

impl LetterSelection {
    /// Selects the group of a dead letter.
    pub(crate) fn group(letter: &Letter) -> Self {
        let group = &letter.group;
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        Self {
            service: letter.service.clone(),
            reason: group.reason.clone(),
            step: text(&group.step),
            event_type: text(&group.event_type),
            detail: group.telling_part().unwrap_or_default().to_owned(),
            id: String::new(),
        }
    }

    /// Selects one dead letter.
    pub(crate) fn one(letter: &Letter) -> Self {
        Self { service: letter.service.clone(), id: letter.id.clone(), ..Self::default() }
    }

    /// Selects all of a service.
    pub(crate) fn all(service: &str) -> Self {
        Self { service: service.to_owned(), ..Self::default() }
    }

    fn fields(&self) -> [(&'static str, &str); 6] {
        let Self { service, reason, step, event_type, detail, id } = self;
        [
            ("service", service),
            ("reason", reason),
            ("step", step),
            ("type", event_type),
            ("detail", detail),
            ("id", id),
        ]
    }

    /// Returns the address of the page with the dry run.
    pub(crate) fn address(&self) -> String {
        let given = self.fields().into_iter().filter(|(_, value)| !value.is_empty());
        let given: Vec<String> =
            given.map(|(name, value)| format!("{name}={}", encoded(value))).collect();
        format!("/dead-letters/act?{}", given.join("&"))
    }

    /// Describes the selection in words.
    pub(crate) fn words(&self) -> String {
        let given = self.fields().into_iter().skip(1).filter(|(_, value)| !value.is_empty());
        let word = |(name, value)| match name {
            // The text ends where the particulars of one message begin.
            "detail" => format!("what begins with “{value}”"),
            name => format!("{name} {value}"),
        };
        let given: Vec<String> = given.map(word).collect();
        match &given[..] {
            [] => format!("all dead letters of {}", self.service),
            given => format!("dead letters of {}: {}", self.service, given.join(", ")),
        }
    }

    /// Writes the selection into a form.
    pub(crate) fn hidden(&self) -> Markup {
        html! { @for (name, value) in self.fields() { input type="hidden" name=(name) value=(value); } }
    }
}
