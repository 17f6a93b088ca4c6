//! Checks of texts that people send.

/// The longest text, in characters.
const MAX_TEXT: usize = 200;

/// The reason why a text is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WrongText {
    /// The text is required.
    #[error("is empty")]
    Empty,
    /// The text is too long.
    #[error("is longer than {MAX_TEXT} characters")]
    TooLong,
    /// The text has characters that cannot be stored or printed.
    #[error("has control characters")]
    ControlCharacters,
}

/// Checks a text that is required.
///
/// # Errors
///
/// Returns the reason if the text is not accepted.
pub fn check_text(text: &str) -> Result<(), WrongText> {
    if text.trim().is_empty() {
        Err(WrongText::Empty)
    } else if text.chars().nth(MAX_TEXT).is_some() {
        Err(WrongText::TooLong)
    } else if text.chars().any(char::is_control) {
        // NUL, which Postgres cannot store, is among them.
        Err(WrongText::ControlCharacters)
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_have_bounds() {
        assert_eq!(check_text(&"ü".repeat(200)), Ok(()));
        assert_eq!(check_text("  "), Err(WrongText::Empty));
        assert_eq!(check_text(&"ü".repeat(201)), Err(WrongText::TooLong));
        assert_eq!(check_text("a\0b"), Err(WrongText::ControlCharacters));
    }
}
