//! Numbers and names in sentences.

/// Formats a number with its digits in groups of three. A negative number becomes 0.
#[must_use]
pub fn grouped(number: impl TryInto<u64>) -> String {
    let digits = number.try_into().unwrap_or(0).to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Formats a number of things: `1 event`, `2,000 events`, `2 processes`.
///
/// ```
/// assert_eq!(ballet_ops::words::counted(2000_u32, "event"), "2,000 events");
/// ```
#[must_use]
pub fn counted(number: impl TryInto<u64>, thing: &str) -> String {
    let number = number.try_into().unwrap_or(u64::MAX);
    let plural = match thing {
        _ if number == 1 => "",
        _ if thing.ends_with('s') => "es",
        _ => "s",
    };
    format!("{} {thing}{plural}", grouped(number))
}

/// Formats a number of things with a verb: `1 message waits`, `2 messages wait`.
#[must_use]
pub fn acting(number: impl TryInto<u64>, thing: &str, act: &str) -> String {
    let number = number.try_into().unwrap_or(u64::MAX);
    format!("{} {act}{}", counted(number, thing), if number == 1 { "s" } else { "" })
}

/// Returns a text, without control characters, as one shell-safe word to paste.
#[must_use]
pub fn shell_word(text: &str) -> String {
    let text: String = text.chars().filter(|c| !c.is_control()).collect();
    let is_safe = |c: char| c.is_ascii_alphanumeric() || "-_./:@%+=,".contains(c);
    if !text.is_empty() && text.chars().all(is_safe) {
        return text;
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}
