//! A person's remedy for sagas waiting in one place.

use ballet_ops::sagas::SagaState;
use maud::{Markup, html};

use crate::pages::letter_selection::LetterSelection;

pub(crate) fn remedy(
    state: SagaState,
    service: &str,
    reason: Option<&str>,
    cause: Option<&str>,
) -> Option<Markup> {
    match (state, reason) {
        (SagaState::Stuck, Some(reason)) => {
            let meant = LetterSelection {
                service: service.to_owned(),
                reason: reason.to_owned(),
                cause: cause.unwrap_or_default().to_owned(),
                ..LetterSelection::default()
            };
            Some(
                html! { p.remedy { a href=(meant.address()) { "Send all of them back" } " when the cause is mended, or discard them." } },
            )
        }
        (SagaState::Stuck, None) => Some(look_at(service, "What waits there can be tried again: ")),
        (SagaState::Blocked, _) => Some(look_at(service, "They go on when the cause ends: ")),
        _ => None,
    }
}

fn look_at(service: &str, why: &str) -> Markup {
    html! { p.remedy { (why) a href={ "/services#" (service) } { "look at " (service) } } }
}
