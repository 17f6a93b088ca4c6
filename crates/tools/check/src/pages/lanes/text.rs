//! Text in a picture: broken into lines, and escaped.

/// Lines have at most `room` characters, behind the given ones. A longer word is broken anywhere.
pub(super) fn lines(text: &str, room: usize, behind: &[char]) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_inclusive(behind) {
        let mut word: Vec<char> = word.chars().collect();
        while !word.is_empty() {
            let used = lines.last().map_or(0, |line| line.chars().count());
            let needed = word.iter().rposition(|c| *c != ' ').map_or(0, |last| last + 1);
            if used + needed <= room {
                lines.last_mut().into_iter().for_each(|line| line.extend(&word));
                break;
            }
            if used > 0 {
                lines.push(String::new());
            } else {
                let rest = word.split_off(room);
                lines.last_mut().into_iter().for_each(|line| line.extend(&word));
                word = rest;
            }
        }
    }
    lines.into_iter().map(|line| line.trim_end().to_owned()).collect()
}

pub(super) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
