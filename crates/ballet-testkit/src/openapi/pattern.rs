//! Regular expressions: texts that match one, and whether a text does.

use std::collections::BTreeSet;

use regex_syntax::hir::{Class, Hir, HirKind, Look};

use crate::openapi::dice::Dice;

/// How often an endless repetition is repeated at most beyond its least.
const MORE: u32 = 8;

/// A regular expression.
#[derive(Debug)]
pub(super) struct Pattern(Hir);

impl Pattern {
    pub(super) fn parse(pattern: &str) -> Result<Self, String> {
        let hir = regex_syntax::parse(pattern);
        hir.map(Self).map_err(|error| format!("the pattern {pattern:?} cannot be read: {error}"))
    }

    /// Whether the pattern matches somewhere in the text, as JSON Schema has it.
    pub(super) fn matches(&self, text: &str) -> bool {
        let text: Vec<char> = text.chars().collect();
        (0..=text.len()).any(|from| !ends(&self.0, &text, from).is_empty())
    }

    /// A text that matches.
    pub(super) fn sample(&self, dice: &mut Dice) -> String {
        let mut text = String::new();
        write(&self.0, dice, &mut text);
        text
    }
}

/// Where a match that begins here may end.
fn ends(hir: &Hir, text: &[char], from: usize) -> BTreeSet<usize> {
    let one = |end: usize| BTreeSet::from([end]);
    let none = BTreeSet::new;
    match hir.kind() {
        HirKind::Empty => one(from),
        HirKind::Literal(literal) => {
            let literal: Vec<char> = String::from_utf8_lossy(&literal.0).chars().collect();
            if text[from..].starts_with(&literal) { one(from + literal.len()) } else { none() }
        }
        HirKind::Class(class) => match text.get(from) {
            Some(found) if has(class, *found) => one(from + 1),
            _ => none(),
        },
        HirKind::Look(Look::Start) if from == 0 => one(from),
        HirKind::Look(Look::End) if from == text.len() => one(from),
        HirKind::Look(_) => none(),
        HirKind::Capture(capture) => ends(&capture.sub, text, from),
        HirKind::Concat(parts) => parts.iter().fold(one(from), |starts, part| {
            starts.into_iter().flat_map(|start| ends(part, text, start)).collect()
        }),
        HirKind::Alternation(parts) => {
            parts.iter().flat_map(|part| ends(part, text, from)).collect()
        }
        HirKind::Repetition(repetition) => {
            let (mut reached, mut starts, mut times) = (none(), one(from), 0);
            loop {
                if times >= repetition.min {
                    reached.extend(&starts);
                }
                if starts.is_empty() || repetition.max == Some(times) {
                    return reached;
                }
                let next: BTreeSet<usize> =
                    starts.iter().flat_map(|start| ends(&repetition.sub, text, *start)).collect();
                // Behind its least, a round without a new end leads nowhere.
                if times >= repetition.min && next.is_subset(&reached) {
                    return reached;
                }
                (starts, times) = (next, times + 1);
            }
        }
    }
}

fn has(class: &Class, found: char) -> bool {
    match class {
        Class::Unicode(class) => {
            class.ranges().iter().any(|range| (range.start()..=range.end()).contains(&found))
        }
        Class::Bytes(class) => class.ranges().iter().any(|range| {
            u8::try_from(found).is_ok_and(|byte| (range.start()..=range.end()).contains(&byte))
        }),
    }
}

fn write(hir: &Hir, dice: &mut Dice, text: &mut String) {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => {}
        HirKind::Literal(literal) => text.push_str(&String::from_utf8_lossy(&literal.0)),
        HirKind::Class(class) => text.push(one_of(class, dice)),
        HirKind::Capture(capture) => write(&capture.sub, dice, text),
        HirKind::Concat(parts) => parts.iter().for_each(|part| write(part, dice, text)),
        HirKind::Alternation(parts) => {
            if let Some(part) = dice.pick(parts) {
                write(part, dice, text);
            }
        }
        HirKind::Repetition(repetition) => {
            let most = repetition.max.unwrap_or(repetition.min + MORE);
            // The ends are more likely than what is between them.
            let times = match dice.below(4) {
                0 => i128::from(repetition.min),
                1 => i128::from(most),
                _ => dice.between(repetition.min.into(), most.into()),
            };
            for _ in 0..times {
                write(&repetition.sub, dice, text);
            }
        }
    }
}

fn one_of(class: &Class, dice: &mut Dice) -> char {
    let (least, most) = match class {
        Class::Unicode(class) => match dice.pick(class.ranges()) {
            Some(range) => (range.start(), range.end()),
            None => ('?', '?'),
        },
        Class::Bytes(class) => match dice.pick(class.ranges()) {
            Some(range) => (char::from(range.start()), char::from(range.end())),
            None => ('?', '?'),
        },
    };
    let code = dice.between(i128::from(u32::from(least)), i128::from(u32::from(most)));
    u32::try_from(code).ok().and_then(char::from_u32).unwrap_or(least)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_pattern_makes_matches_it() {
        let mut dice = Dice::new(1);
        for pattern in ["^[A-Z]{3}$", "^[A-Za-z0-9._-]{1,64}$", "^(a|bc)+(-[0-9]+)*$", "x?y"] {
            let pattern = Pattern::parse(pattern).expect("a pattern");
            for _ in 0..50 {
                let text = pattern.sample(&mut dice);
                assert!(pattern.matches(&text), "{text:?} does not match {pattern:?}");
            }
        }
    }

    #[test]
    fn what_does_not_fit_does_not_match() {
        let code = Pattern::parse("^[A-Z]{3}$").expect("a pattern");
        for wrong in ["", "EU", "EURO", "eur", "EUR\n", " EUR"] {
            assert!(!code.matches(wrong), "{wrong:?}");
        }
        assert!(Pattern::parse("b").expect("a pattern").matches("abc"), "not anchored");
    }
}
