//! Checks of texts that people send.

/// In characters.
const MAX_TEXT: usize = 200;

/// Checks a text that is required.
///
/// # Errors
///
/// Returns the reason if the text is not accepted.
pub fn check_text(text: &str) -> Result<(), String> {
    if text.chars().all(shows_nothing) {
        Err("is empty".to_owned())
    } else if text.chars().nth(MAX_TEXT).is_some() {
        Err(format!("is longer than {MAX_TEXT} characters"))
    } else if text.chars().any(char::is_control) {
        // NUL, which Postgres cannot store, is among them.
        Err("has control characters".to_owned())
    } else {
        Ok(())
    }
}

/// Whether it is white space, or what Unicode lets programs ignore, which is a part of others such as emoji.
fn shows_nothing(letter: char) -> bool {
    letter.is_whitespace()
        || matches!(letter,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fff8}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_have_bounds() {
        assert_eq!(check_text(&"ü".repeat(200)), Ok(()));
        for nothing in
            ["", "  ", "\u{200b}", "\u{200b} \u{2060}\u{feff}", "\u{3164}", "\u{2800}\u{ad}"]
        {
            assert!(check_text(nothing).is_err(), "{nothing:?}");
        }
        // A family of three is three people and two of these.
        assert_eq!(check_text("\u{1f468}\u{200d}\u{1f469}\u{200d}\u{1f467}"), Ok(()));
        assert!(check_text(&"ü".repeat(201)).is_err());
        assert!(check_text("a\0b").is_err());
    }
}
