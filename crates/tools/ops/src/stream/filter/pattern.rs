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
        // The prefixes of the pattern that match the words so far.
        let mut reached = vec![false; self.0.len() + 1];
        reached[0] = true;
        self.skip_any(&mut reached);
        for word in words {
            let mut next = vec![false; reached.len()];
            for (at, pattern) in self.0.iter().enumerate().filter(|(at, _)| reached[*at]) {
                match pattern.as_str() {
                    "#" => next[at] = true,
                    "*" => next[at + 1] = true,
                    exact => next[at + 1] |= exact == word,
                }
            }
            self.skip_any(&mut next);
            reached = next;
        }
        reached[self.0.len()]
    }

    /// Skips each `#`, which may stand for no word.
    fn skip_any(&self, reached: &mut [bool]) {
        for (at, pattern) in self.0.iter().enumerate() {
            if reached[at] && pattern == "#" {
                reached[at + 1] = true;
            }
        }
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
