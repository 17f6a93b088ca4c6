//! Patterns for types, as in the bindings of a topic exchange.

use std::fmt;
use std::str::FromStr;

/// A pattern of words between dots. `*` stands for one word, `#` for any number of words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TypePattern(Vec<String>);

impl FromStr for TypePattern {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.split('.').any(str::is_empty) {
            return Err(
                "expected words with dots between them, such as orders.order_placed.v1 or \
                        'orders.#'"
                    .to_owned(),
            );
        }
        Ok(Self(text.split('.').map(str::to_owned).collect()))
    }
}

impl fmt::Display for TypePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("."))
    }
}

impl TypePattern {
    /// Whether it matches a type.
    #[must_use]
    pub fn matches(&self, name: &str) -> bool {
        let words: Vec<&str> = name.split('.').collect();
        matches(&self.0, &words)
    }
}

fn matches(pattern: &[String], words: &[&str]) -> bool {
    let Some((first, rest)) = pattern.split_first() else { return words.is_empty() };
    match (first.as_str(), words) {
        ("#", [_, more @ ..]) => matches(rest, words) || matches(pattern, more),
        ("#", []) => matches(rest, words),
        ("*", [_, more @ ..]) => matches(rest, more),
        (exact, [word, more @ ..]) => exact == *word && matches(rest, more),
        (_, []) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_matches_as_a_topic_exchange_does() {
        for (pattern, matching, others) in [
            ("orders.order_placed.v1", &["orders.order_placed.v1"][..], &["orders", ""][..]),
            ("orders.*", &["orders.x"], &["orders", "orders.x.v1", "cart.x"]),
            ("orders.#", &["orders", "orders.x", "orders.x.v1"], &["order", "cart.orders"]),
            ("#.v1", &["v1", "a.v1", "a.b.v1"], &["a.v2", "v1.a"]),
            ("*.#.v1", &["a.v1", "a.b.c.v1"], &["v1"]),
            ("#", &["", "a", "a.b"], &[]),
            ("#.b.#", &["b", "a.b", "b.c", "a.b.c"], &["a.c"]),
        ] {
            let parsed: TypePattern = pattern.parse().expect("a pattern");
            for name in matching {
                assert!(parsed.matches(name), "{pattern} {name}");
            }
            for name in others {
                assert!(!parsed.matches(name), "{pattern} {name}");
            }
        }
    }
}
