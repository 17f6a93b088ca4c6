//! Random texts that match a regular expression.

use fastrand::Rng;
use regex_syntax::hir::{Class, Hir, HirKind};

/// The most repetitions beyond the minimum, where there is no maximum.
const MORE: u32 = 8;

/// A regular expression.
#[derive(Debug)]
pub(super) struct RegexPattern(Hir);

impl RegexPattern {
    pub(super) fn parse(pattern: &str) -> Result<Self, String> {
        let hir = regex_syntax::parse(pattern);
        hir.map(Self).map_err(|error| format!("the pattern {pattern:?} cannot be read: {error}"))
    }

    /// Returns a text that matches.
    pub(super) fn sample(&self, dice: &mut Rng) -> String {
        let mut text = String::new();
        write(&self.0, dice, &mut text);
        text
    }
}

fn write(hir: &Hir, dice: &mut Rng, text: &mut String) {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => {}
        HirKind::Literal(literal) => text.push_str(&String::from_utf8_lossy(&literal.0)),
        HirKind::Class(class) => text.push(one_of(class, dice)),
        HirKind::Capture(capture) => write(&capture.sub, dice, text),
        HirKind::Concat(parts) => parts.iter().for_each(|part| write(part, dice, text)),
        HirKind::Alternation(parts) => {
            if let Some(part) = dice.choice(parts) {
                write(part, dice, text);
            }
        }
        HirKind::Repetition(repetition) => {
            let most = repetition.max.unwrap_or(repetition.min + MORE);
            // The limits are drawn more often than the numbers between them.
            let times = match dice.usize(..4) {
                0 => repetition.min,
                1 => most,
                _ => dice.u32(repetition.min..=most),
            };
            for _ in 0..times {
                write(&repetition.sub, dice, text);
            }
        }
    }
}

fn one_of(class: &Class, dice: &mut Rng) -> char {
    let (least, most) = match class {
        Class::Unicode(class) => match dice.choice(class.ranges()) {
            Some(range) => (range.start(), range.end()),
            None => ('?', '?'),
        },
        Class::Bytes(class) => match dice.choice(class.ranges()) {
            Some(range) => (char::from(range.start()), char::from(range.end())),
            None => ('?', '?'),
        },
    };
    dice.char(least..=most)
}

#[cfg(test)]
mod tests {
    use regex::Regex;

    use super::*;

    #[test]
    fn what_a_pattern_makes_matches_it() {
        let mut dice = Rng::with_seed(1);
        for pattern in ["^[A-Z]{3}$", "^[A-Za-z0-9._-]{1,64}$", "^(a|bc)+(-[0-9]+)*$", "x?y"] {
            let (pattern, expected) = (RegexPattern::parse(pattern), Regex::new(pattern));
            let (pattern, expected) = (pattern.expect("a pattern"), expected.expect("a pattern"));
            for _ in 0..50 {
                let text = pattern.sample(&mut dice);
                assert!(expected.is_match(&text), "{text:?} does not match {pattern:?}");
            }
        }
    }
}
