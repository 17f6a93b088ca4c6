//! The texts of a document as HTML: paragraphs, lists and code.

/// Escapes all characters that mean something in HTML.
pub(crate) fn escaped(text: &str) -> String {
    let mut made = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => made.push_str("&amp;"),
            '<' => made.push_str("&lt;"),
            '>' => made.push_str("&gt;"),
            '"' => made.push_str("&quot;"),
            '\'' => made.push_str("&#39;"),
            other => made.push(other),
        }
    }
    made
}

/// Formats a paragraph. Text between two backticks is code.
pub(crate) fn inline(text: &str) -> String {
    let mut pieces = text.split('`').peekable();
    let (mut made, mut is_code) = (String::new(), false);
    while let Some(piece) = pieces.next() {
        // An unpaired last backtick stays as it is.
        match is_code {
            true if pieces.peek().is_some() => {
                made += &format!("<code>{}</code>", escaped(piece));
            }
            true => made += &format!("`{}", escaped(piece)),
            false => made += &escaped(piece),
        }
        is_code = !is_code;
    }
    made
}

/// Formats a text of paragraphs and lists.
pub(crate) fn prose(text: &str) -> String {
    let mut made = String::new();
    // The kind of the current list, and the lines of the current block.
    let mut list = "";
    let mut block: Vec<&str> = Vec::new();
    for line in text.lines().map(str::trim).chain([""]) {
        let (kind, rest) = item(line);
        if line.is_empty() || !kind.is_empty() {
            let inner = inline(&block.join(" "));
            match (block.is_empty(), list) {
                (true, _) => {}
                (false, "") => made += &format!("<p>{inner}</p>"),
                (false, _) => made += &format!("<li>{inner}</li>"),
            }
            block.clear();
            if kind != list {
                close(list, &mut made);
                if !kind.is_empty() {
                    made += &format!("<{kind}>");
                }
                list = kind;
            }
        }
        if !rest.is_empty() {
            block.push(rest);
        }
    }
    made
}

fn close(list: &str, made: &mut String) {
    if !list.is_empty() {
        *made += &format!("</{list}>");
    }
}

/// Returns the kind of list that a line is an item of, and the item's text.
fn item(line: &str) -> (&'static str, &str) {
    if let Some(rest) = line.strip_prefix("- ") {
        return ("ul", rest);
    }
    match line.split_once(". ") {
        Some((number, rest))
            if !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()) =>
        {
            ("ol", rest)
        }
        _ => ("", line),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_paragraphs_lists_and_code() {
        for (text, html) in [
            ("", ""),
            ("One\ntwo `a<b`.", "<p>One two <code>a&lt;b</code>.</p>"),
            ("One.\n\nTwo.", "<p>One.</p><p>Two.</p>"),
            (
                "Of:\n- `a`: b\n  c\n- d\n\nEnd.",
                "<p>Of:</p><ul><li><code>a</code>: b c</li><li>d</li></ul><p>End.</p>",
            ),
            ("1. a\n2. b", "<ol><li>a</li><li>b</li></ol>"),
            ("an odd ` one", "<p>an odd ` one</p>"),
        ] {
            assert_eq!(prose(text), html, "{text}");
        }
        assert_eq!(escaped("<a href=\"x\">'&"), "&lt;a href=&quot;x&quot;&gt;&#39;&amp;");
    }
}
