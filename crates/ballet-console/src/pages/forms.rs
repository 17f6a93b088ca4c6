//! The common parts of forms.

use maud::{Markup, html};
use uuid::Uuid;

use crate::pages::layout::Person;

/// Writes the token without which no form is accepted.
pub(crate) fn token(person: &Person) -> Markup {
    html! { input type="hidden" name="token" value=(person.token); }
}

/// Asks for the reason of an action.
pub(crate) fn why(question: &str) -> Markup {
    html! { label.why { (question) input name="why" required maxlength="400" autocomplete="off" dir="auto"; } }
}

/// The warning before a request counts as never carried out.
pub(crate) const CALLED_OFF: &str =
    "The other side has confirmed that it will not carry out the request that it has taken";

/// Links back to a saga.
pub(crate) fn saga_crumb(id: Uuid) -> Markup {
    html! { p.crumb { a href="/sagas" { "Sagas" } " / " a.id href={ "/sagas/" (id) } { (id) } } }
}

/// Asks yes or no.
pub(crate) fn check(name: &str, says: &str, is_on: bool) -> Markup {
    html! { label.check { input type="checkbox" name=(name) value="yes" checked[is_on]; " " (says) } }
}

/// Shows two texts line by line: removed and added lines.
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

/// With more differing lines than this, the old and the new ones are shown as a whole.
const MOST: usize = 1_500;

/// Returns the shortest way from one text to the other, by their longest common subsequence.
fn lines<'a>(old: &'a str, new: &'a str) -> Vec<(LineChange, &'a str)> {
    let (old, new): (Vec<&str>, Vec<&str>) = (old.lines().collect(), new.lines().collect());
    let first = old.iter().zip(&new).take_while(|(a, b)| a == b).count();
    let rest = |all: &[&'a str]| all[first..].to_vec();
    let (a, b) = (rest(&old), rest(&new));
    let last = a.iter().rev().zip(b.iter().rev()).take_while(|(a, b)| a == b).count();
    let (a, b) = (&a[..a.len() - last], &b[..b.len() - last]);
    let mut all: Vec<_> = old[..first].iter().map(|line| (LineChange::Same, *line)).collect();
    if a.len() > MOST || b.len() > MOST {
        all.extend(a.iter().map(|line| (LineChange::Gone, *line)));
        all.extend(b.iter().map(|line| (LineChange::New, *line)));
    } else {
        between(a, b, &mut all);
    }
    all.extend(old[old.len() - last..].iter().map(|line| (LineChange::Same, *line)));
    all
}

fn between<'a>(a: &[&'a str], b: &[&'a str], all: &mut Vec<(LineChange, &'a str)>) {
    // common[i][j] is the number of common lines of a[i..] and b[j..].
    let mut common = vec![vec![0_u16; b.len() + 1]; a.len() + 1];
    for i in (0..a.len()).rev() {
        for j in (0..b.len()).rev() {
            common[i][j] = match a[i] == b[j] {
                true => common[i + 1][j + 1] + 1,
                false => common[i + 1][j].max(common[i][j + 1]),
            };
        }
    }
    let (mut i, mut j) = (0, 0);
    while i < a.len() || j < b.len() {
        if i < a.len() && j < b.len() && a[i] == b[j] {
            all.push((LineChange::Same, a[i]));
            (i, j) = (i + 1, j + 1);
        } else if j >= b.len() || (i < a.len() && common[i + 1][j] >= common[i][j + 1]) {
            all.push((LineChange::Gone, a[i]));
            i += 1;
        } else {
            all.push((LineChange::New, b[j]));
            j += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_has_every_line_of_both() {
        use LineChange::{Gone, New, Same};
        let found = lines("a\nb\nc\nd", "a\nc\nx\nd");
        assert_eq!(found, [(Same, "a"), (Gone, "b"), (Same, "c"), (New, "x"), (Same, "d")]);
        assert_eq!(lines("", "a"), [(New, "a")]);
        assert_eq!(lines("a", "a"), [(Same, "a")]);
        let long: String = (0..MOST * 2).map(|line| format!("{line}\n")).collect();
        assert_eq!(lines(&long, "x").len(), MOST * 2 + 1);
    }
}
