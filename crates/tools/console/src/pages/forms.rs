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

/// Removed and added lines.
pub(crate) fn difference(old: &str, new: &str) -> Markup {
    html! {
        pre.difference tabindex="0" aria-label="What changes" dir="auto" {
            @for (change, line) in lines(old, new) {
                @match change {
                    LineChange::Same => { span { "  " (line) "\n" } }
                    LineChange::Gone => { del { "- " (line) "\n" } }
                    LineChange::New => { ins { "+ " (line) "\n" } }
                }
            }
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LineChange {
    Same,
    Gone,
    New,
}

/// A common beginning or end appears once.
fn lines<'a>(old: &'a str, new: &'a str) -> Vec<(LineChange, &'a str)> {
    let (old, new): (Vec<&str>, Vec<&str>) = (old.lines().collect(), new.lines().collect());
    let first = old.iter().zip(&new).take_while(|(a, b)| a == b).count();
    let (same, a, b) = (&old[..first], &old[first..], &new[first..]);
    let last = a.iter().rev().zip(b.iter().rev()).take_while(|(a, b)| a == b).count();
    let ((gone, end), (added, _)) = (a.split_at(a.len() - last), b.split_at(b.len() - last));
    let of = |change, lines: &[&'a str]| -> Vec<(LineChange, &'a str)> {
        lines.iter().map(|line| (change, *line)).collect()
    };
    let (same, end) = (of(LineChange::Same, same), of(LineChange::Same, end));
    [same, of(LineChange::Gone, gone), of(LineChange::New, added), end].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_has_every_line_of_both() {
        use LineChange::{Gone, New, Same};
        let found = lines("a\nb\nc\nd", "a\nc\nx\nd");
        let block = [(Gone, "b"), (Gone, "c"), (New, "c"), (New, "x")];
        assert_eq!(found, [[(Same, "a")].as_slice(), &block, &[(Same, "d")]].concat());
        assert_eq!(lines("", "a"), [(New, "a")]);
        assert_eq!(lines("a", "a"), [(Same, "a")]);
    }
}
