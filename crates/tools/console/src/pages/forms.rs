//! Common parts of forms.

use maud::{Markup, html};
use uuid::Uuid;

pub(crate) fn why(question: &str) -> Markup {
    html! { label.why { (question) input name="why" required maxlength="400" autocomplete="off" dir="auto"; } }
}

pub(crate) fn saga_crumb(id: Uuid) -> Markup {
    html! { p.crumb { a href="/sagas" { "Sagas" } " / " a.id href={ "/sagas/" (id) } { (id) } } }
}

pub(crate) fn check(name: &str, says: &str, is_on: bool) -> Markup {
    html! { label.check { input type="checkbox" name=(name) value="yes" checked[is_on]; " " (says) } }
}

pub(crate) fn choice<'a>(
    name: &str,
    any: &str,
    all: impl IntoIterator<Item = &'a str>,
    chosen: &str,
) -> Markup {
    html! {
        select name=(name) aria-label=(name) {
            option value="" { (any) }
            @for value in all { option value=(value) selected[value == chosen] { (value) } }
        }
    }
}
