//! A document's texts, which are CommonMark, as HTML.

use maud::{Markup, PreEscaped};
use pulldown_cmark::{Event, Parser, Tag, TagEnd, html};

/// HTML stays text. Links and pictures are left out: the page loads nothing and leads nowhere else.
pub(crate) fn prose(text: &str) -> Markup {
    formatted(events(text))
}

/// Formats a single paragraph without the element around it.
pub(crate) fn inline(text: &str) -> Markup {
    let is_around = |event: &Event<'_>| {
        matches!(event, Event::Start(Tag::Paragraph) | Event::End(TagEnd::Paragraph))
    };
    formatted(events(text).filter(|event| !is_around(event)))
}

fn formatted<'a>(events: impl Iterator<Item = Event<'a>>) -> Markup {
    let mut made = String::new();
    html::push_html(&mut made, events);
    PreEscaped(made)
}

fn events(text: &str) -> impl Iterator<Item = Event<'_>> {
    Parser::new(text).filter_map(|event| match event {
        Event::Start(Tag::Link { .. } | Tag::Image { .. })
        | Event::End(TagEnd::Link | TagEnd::Image) => None,
        Event::Html(raw) | Event::InlineHtml(raw) => Some(Event::Text(raw)),
        other => Some(other),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_paragraphs_lists_and_code() {
        for (text, html) in [
            ("", ""),
            ("One\ntwo `a<b`.", "<p>One\ntwo <code>a&lt;b</code>.</p>\n"),
            (
                "Of:\n- `a`: b\n  c\n- d\n\nEnd.",
                "<p>Of:</p>\n<ul>\n<li><code>a</code>: b\nc</li>\n<li>d</li>\n</ul>\n<p>End.</p>\n",
            ),
            ("A <b>shop</b>", "<p>A &lt;b&gt;shop&lt;/b&gt;</p>\n"),
            ("![a](http://b) [c](http://d)", "<p>a c</p>\n"),
        ] {
            assert_eq!(prose(text).into_string(), html, "{text}");
        }
        assert_eq!(inline("Read `it`").into_string(), "Read <code>it</code>");
    }
}
