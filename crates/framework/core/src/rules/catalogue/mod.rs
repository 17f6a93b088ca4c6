//! All rules: what each says, why it matters, what to do. `ballet explain` and the page of rules print this table. An
//! id keeps its meaning for ever; the number of a rule that goes is not used again.

mod notes;
mod runs;
mod sagas;
mod services;

pub use notes::*;
pub use runs::*;
pub use sagas::*;
pub use services::*;

use self::notes::NOTES;
use self::runs::{AFTER_RUNS, OF_RUNS};
use self::sagas::OF_SAGAS;
use self::services::OF_SERVICES;

/// A rule of a sound choreography.
#[derive(Debug, PartialEq, Eq)]
pub struct Rule {
    /// Its id: `B017`.
    pub id: &'static str,
    /// Who breaks it, and what follows.
    pub kind: RuleKind,
    /// The rule, as a sentence.
    pub says: &'static str,
    /// Why it matters.
    pub why: &'static str,
    /// What to do.
    pub advice: &'static str,
}

/// Who breaks a rule, and what follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RuleKind {
    /// A service by itself: it does not start, and there are no exceptions.
    Service,
    /// Several services together.
    System,
    /// Perhaps nobody: it depends on code that no contract shows.
    Note,
}

impl RuleKind {
    /// Whether a service may except something from a rule of this kind.
    #[must_use]
    pub const fn has_exceptions(self) -> bool {
        !matches!(self, Self::Service)
    }

    /// Its level in reports.
    #[must_use]
    pub const fn level(self) -> &'static str {
        match self {
            Self::Service | Self::System => "error",
            Self::Note => "note",
        }
    }
}

/// Returns all rules, in the order of their ids.
pub fn all() -> impl Iterator<Item = &'static Rule> {
    [OF_SERVICES, OF_SAGAS, NOTES, OF_RUNS, AFTER_RUNS].into_iter().flatten().copied()
}

/// Returns the rules for whole runs, which a search of the design checks.
pub fn of_runs() -> impl Iterator<Item = &'static Rule> {
    OF_RUNS.iter().copied()
}

/// Returns the rule with this id, in any case.
#[must_use]
pub fn find(id: &str) -> Option<&'static Rule> {
    all().find(|rule| rule.id.eq_ignore_ascii_case(id))
}

macro_rules! table {
    ($list:ident: $($name:ident $id:ident $kind:ident $says:literal $why:literal $advice:literal)+) => {
        $(
            #[doc = $says]
            pub static $name: Rule = Rule {
                id: stringify!($id),
                kind: RuleKind::$kind,
                says: $says,
                why: $why,
                advice: $advice,
            };
        )+
        pub(super) static $list: &[&Rule] = &[$(&$name),+];
    };
}
use table;

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn ids_are_in_order_and_each_rule_has_its_texts() {
        let (mut sentences, mut last) = (BTreeSet::new(), 0);
        for rule in all() {
            let number = rule.id.strip_prefix('B').and_then(|digits| digits.parse().ok());
            assert!(rule.id.len() == 4 && number.is_some_and(|it: u32| it > last), "{}", rule.id);
            last = number.unwrap_or(last);
            assert!(sentences.insert(rule.says), "{} is there twice", rule.says);
            for text in [rule.why, rule.advice] {
                assert!(text.len() > 5 && text.ends_with('.'), "{}: {text:?}", rule.id);
            }
            assert_eq!(find(&rule.id.to_lowercase()), Some(rule));
        }
        assert_eq!(find("B000"), None);
    }
}
