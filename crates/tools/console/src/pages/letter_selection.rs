//! A selection of dead letters, in addresses, forms and words.

use ballet_core::topology::UNROUTED;
use ballet_ops::redrive::{DeadLetter, GroupKey};
use maud::{Markup, html};

use crate::pages::letter::Letter;
use crate::pages::words::address;

#[derive(Debug, Clone, Default, serde::Deserialize)]
pub(crate) struct LetterSelection {
    #[serde(default)]
    pub(crate) service: String,
    #[serde(default)]
    pub(crate) reason: String,
    #[serde(default)]
    pub(crate) cause: String,
    #[serde(default)]
    pub(crate) group: String,
    #[serde(default)]
    pub(crate) id: String,
}

impl LetterSelection {
    /// `None` for a group without an id.
    pub(crate) fn group(key: &GroupKey) -> Option<Self> {
        Some(Self { service: key.service.clone(), group: key.id()?, ..Self::default() })
    }

    pub(crate) fn one(letter: &Letter) -> Self {
        let DeadLetter { service, id, .. } = &letter.dead;
        Self { service: service.clone(), id: id.to_string(), ..Self::default() }
    }

    pub(crate) fn all(service: &str) -> Self {
        Self { service: service.to_owned(), ..Self::default() }
    }

    fn fields(&self) -> [(&'static str, &str); 5] {
        let Self { service, reason, cause, group, id } = self;
        [("service", service), ("reason", reason), ("cause", cause), ("group", group), ("id", id)]
    }

    /// Returns the address of the page with the dry run.
    pub(crate) fn address(&self) -> String {
        address("/dead-letters/act", &self.fields())
    }

    /// `found` is a selected dead letter's group.
    pub(crate) fn words(&self, found: Option<&GroupKey>) -> String {
        let of = match &*self.service {
            UNROUTED => "events in unrouted".to_owned(),
            service => format!("dead letters of {service}"),
        };
        let given = self.fields().into_iter().skip(1).filter(|(_, value)| !value.is_empty());
        let given: Vec<String> = given
            .map(|(name, value)| match found.filter(|_| name == "group") {
                Some(group) => group.to_string(),
                None => format!("{name} {value}"),
            })
            .collect();
        if given.is_empty() { of } else { format!("{of}: {}", given.join(", ")) }
    }

    pub(crate) fn hidden(&self) -> Markup {
        html! { @for (name, value) in self.fields() { input type="hidden" name=(name) value=(value); } }
    }
}
