//! Derives a cause from a detail, without the parts specific to one message.

const NUMBER: char = '#';
const QUOTED: &str = "\"…\"";
/// The maximum number of characters of a cause.
const LONGEST: usize = 300;
/// A hexadecimal word of this length with a digit is an id.
const SHORTEST_ID: usize = 8;

/// Returns the beginning of the detail, without numbers, ids and quoted texts. Names in backticks stay: they
/// distinguish causes.
#[must_use]
pub fn cause_of(detail: &str) -> String {
    let mut cause = String::with_capacity(detail.len());
    let mut rest = detail;
    while let Some(first) = rest.chars().next() {
        let begins_quote = matches!(first, '"' | '\'') && !cause.ends_with(char::is_alphanumeric);
        if let Some(left) = begins_quote.then(|| quoted(rest, first)).flatten() {
            cause.push_str(QUOTED);
            rest = left;
        } else if is_of_word(first) {
            let end = rest.find(|c| !is_of_word(c)).unwrap_or(rest.len());
            let (word, left) = rest.split_at(end);
            push_without_numbers(&mut cause, word);
            rest = left;
        } else {
            cause.push(first);
            rest = &rest[first.len_utf8()..];
        }
    }
    cause.chars().take(LONGEST).collect()
}

fn quoted(text: &str, quote: char) -> Option<&str> {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        if c == quote && !escaped {
            let left = &text[at + c.len_utf8()..];
            // An apostrophe within a word ends nothing.
            if quote == '"' || !left.starts_with(char::is_alphanumeric) {
                return Some(left);
            }
        }
        escaped = c == '\\' && !escaped;
    }
    None
}

fn is_of_word(c: char) -> bool {
    c.is_alphanumeric() || c == '-' || c == '_'
}

fn push_without_numbers(cause: &mut String, word: &str) {
    let has_digit = word.contains(|c: char| c.is_ascii_digit());
    let is_hexadecimal = || word.chars().all(|c| c.is_ascii_hexdigit() || c == '-');
    if has_digit && word.len() >= SHORTEST_ID && is_hexadecimal() {
        cause.push(NUMBER);
        return;
    }
    let mut last_is_digit = false;
    for c in word.chars() {
        let is_digit = c.is_ascii_digit();
        if !is_digit {
            cause.push(c);
        } else if !last_is_digit {
            cause.push(NUMBER);
        }
        last_is_digit = is_digit;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_that_failed_alike_have_one_cause() {
        let alike = [
            (
                "order 0193f7a0-0000-7000-8000-00000000c001 is not known",
                "order 0193f7a0-0000-7000-8000-00000000c002 is not known",
            ),
            (
                "missing field `lines` at line 1 column 33",
                "missing field `lines` at line 20 column 4",
            ),
            (r#"`app_id` "mallory" may not publish"#, r#"`app_id` "a \"b\" 7" may not publish"#),
            ("the customer's card 'visa-1' is gone", "the customer's card 'it's' is gone"),
            ("SKU-4411 costs 12.50", "SKU-7 costs 3.99"),
            ("the answer was 5f3a9c0d1e", "the answer was 0011223344556677"),
        ];
        for (one, other) in alike {
            assert_eq!(cause_of(one), cause_of(other));
        }
        let shown = cause_of("`app_id` \"mallory\" may not publish orders.order_placed.v1");
        assert_eq!(shown, "`app_id` \"…\" may not publish orders.order_placed.v#");
    }

    #[test]
    fn messages_that_failed_otherwise_have_another_cause() {
        let causes = [
            "missing field `lines` at line 1 column 33",
            "missing field `card_token` at line 1 column 33",
            "invalid type: string \"one\", expected u32",
            "the shelf is full",
            "the shelf's \"door is open",
            "",
        ];
        let mut found: Vec<String> = causes.iter().map(|detail| cause_of(detail)).collect();
        found.sort();
        found.dedup();
        assert_eq!(found.len(), causes.len());
    }
}
