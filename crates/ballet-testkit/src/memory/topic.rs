//! Matches routing keys against topic bindings.

/// Whether a topic binding accepts a routing key. `*` is one word, `#` any number of words.
pub(super) fn matches(pattern: &str, key: &str) -> bool {
    let pattern: Vec<_> = pattern.split('.').collect();
    let key: Vec<_> = if key.is_empty() { Vec::new() } else { key.split('.').collect() };
    words(&pattern, &key)
}

fn words(pattern: &[&str], key: &[&str]) -> bool {
    match (pattern, key) {
        (["#", rest @ ..], key) => (0..=key.len()).any(|skip| words(rest, &key[skip..])),
        (["*", rest @ ..], [_, key @ ..]) => words(rest, key),
        ([word, rest @ ..], [first, key @ ..]) if word == first => words(rest, key),
        ([], []) => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matches_like_rabbitmq() {
        for (pattern, key, expected) in [
            ("#", "", true),
            ("#", "a.b.c", true),
            ("a.#", "a", true),
            ("a.#", "b.a", false),
            ("*", "a", true),
            ("*", "", false),
            ("*.b.*", "a.b.c", true),
            ("*.b.*", "a.b", false),
            ("#.v1", "orders.order_placed.v1", true),
            ("a.#.c", "a.c", true),
            ("a.#.c", "a.b.b.c", true),
            ("a.b", "a.b.c", false),
        ] {
            assert_eq!(matches(pattern, key), expected, "{pattern} {key}");
        }
    }
}
