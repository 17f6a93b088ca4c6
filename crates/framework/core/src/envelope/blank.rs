//! Texts that say nothing. Some producers and consoles send them for "none".

/// Whether a text has nothing in it that a person could see. Such a property counts as absent.
#[must_use]
pub fn is_blank(text: &str) -> bool {
    // Almost every text begins with something that is seen.
    text.chars().all(|char| {
        char.is_whitespace()
            || char.is_control()
            // Zero-width spaces and joiners, and the byte order mark.
            || matches!(char, '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}')
    })
}

pub(crate) fn non_blank(text: Option<&str>) -> Option<&str> {
    text.filter(|text| !is_blank(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_can_see_is_blank() {
        for blank in
            ["", " ", "   ", "\t", "\r\n", "\u{a0}", "\u{3000}", "\u{200b}", "\u{feff} ", "\0"]
        {
            assert!(is_blank(blank), "{blank:?}");
        }
        for text in ["7", " 7", "-", "\u{e4}", "\u{200b}a"] {
            assert!(!is_blank(text), "{text:?}");
        }
    }
}
