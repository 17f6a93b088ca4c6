//! A file's messages as texts: one, an array, or one on each line.

use serde_json::value::RawValue;

pub(crate) struct MessageText<'a> {
    /// Such as `line 3: `. Empty for a single message.
    pub(crate) place: String,
    pub(crate) text: &'a [u8],
}

pub(crate) fn texts(file: &[u8]) -> Vec<MessageText<'_>> {
    if let Ok(several) = serde_json::from_slice::<Vec<&RawValue>>(file) {
        let place = |index: usize| format!("message {}: ", index + 1);
        let several = several.into_iter().enumerate();
        return several
            .map(|(index, one)| MessageText { place: place(index), text: one.get().as_bytes() })
            .collect();
    }
    let lines = file.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).enumerate();
    let lines: Vec<(usize, &[u8])> = lines.filter(|(_, line)| !line.is_empty()).collect();
    // If the first line is a whole message, each line has one. Otherwise one message spans several lines.
    let is_whole = |(_, line): &(usize, &[u8])| serde_json::from_slice::<&RawValue>(line).is_ok();
    if lines.len() > 1 && lines.first().is_some_and(is_whole) {
        let place = |line: usize| format!("line {}: ", line + 1);
        return lines
            .into_iter()
            .map(|(line, text)| MessageText { place: place(line), text })
            .collect();
    }
    let text = file.trim_ascii();
    if text.is_empty() { Vec::new() } else { vec![MessageText { place: String::new(), text }] }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(file: &str) -> Vec<(String, String)> {
        let text = |text: MessageText<'_>| {
            (text.place, String::from_utf8(text.text.to_vec()).expect("a text"))
        };
        texts(file.as_bytes()).into_iter().map(text).collect()
    }

    #[test]
    fn one_message_an_array_and_lines_are_told_apart() {
        let is = |place: &str, text: &str| (place.to_owned(), text.to_owned());
        assert_eq!(read(" \n"), []);
        assert_eq!(read("{\n \"a\": 1\n}\n"), [is("", "{\n \"a\": 1\n}")]);
        assert_eq!(read("[{ }, 7]"), [is("message 1: ", "{ }"), is("message 2: ", "7")]);
        assert_eq!(
            read("{}\n\n{\"a\":\n{}\n"),
            [is("line 1: ", "{}"), is("line 3: ", "{\"a\":"), is("line 4: ", "{}")]
        );
        assert_eq!(read("{\n"), [is("", "{")]);
    }
}
