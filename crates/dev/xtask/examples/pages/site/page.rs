//! One page of the site.

use std::collections::{BTreeMap, BTreeSet};

use pulldown_cmark::{CowStr, Event, HeadingLevel, Parser, Tag, TagEnd, html as markup};

use super::links::{self, LinkTarget, OPTIONS};
use super::search::SCRIPT_FILE;

const PRODUCT: &str = "ballet";
const README: &str = "README.md";

/// Headings, each with its pages.
pub(crate) struct Contents(Vec<(String, Vec<(String, String)>)>);

impl Contents {
    pub(crate) fn of(text: &str, file: &str) -> Self {
        let mut parts: Vec<(String, Vec<(String, String)>)> = Vec::new();
        let (mut words, mut url) = (String::new(), None);
        for event in Parser::new_ext(text, OPTIONS) {
            match event {
                Event::Start(Tag::Heading {
                    level: HeadingLevel::H2 | HeadingLevel::H3, ..
                }) => {
                    words.clear();
                }
                Event::End(TagEnd::Heading(HeadingLevel::H2 | HeadingLevel::H3)) => {
                    parts.push((std::mem::take(&mut words), Vec::new()));
                }
                Event::Start(Tag::Link { dest_url, .. }) => {
                    words.clear();
                    url = Some(dest_url);
                }
                Event::End(TagEnd::Link) => {
                    let target = url.take().and_then(|url| links::target(&url, file));
                    if let (Some(LinkTarget { file, .. }), Some((_, pages))) =
                        (target, parts.last_mut())
                    {
                        pages.push((std::mem::take(&mut words), file));
                    }
                }
                Event::Text(text) | Event::Code(text) => words.push_str(&text),
                _ => {}
            }
        }
        Self(parts)
    }

    pub(crate) fn with<'a>(
        mut self,
        heading: &str,
        pages: impl Iterator<Item = (String, &'a String)>,
    ) -> Self {
        let pages = pages.map(|(words, file)| (words, file.clone())).collect();
        self.0.push((heading.to_owned(), pages));
        self
    }

    /// The table of contents as HTML, beside the page `from`.
    fn html(&self, from: &str) -> String {
        let mut html = format!("<a class=home href=\"{}\">{PRODUCT}</a>", relative(from, README));
        for (heading, pages) in &self.0 {
            html += &format!("<h2>{}</h2>", escaped(heading));
            if pages.is_empty() {
                continue;
            }
            html.push_str("<ul>");
            for (words, file) in pages {
                let here = if file == from { " aria-current=page" } else { "" };
                let (url, words) = (relative(from, file), escaped(words));
                html += &format!("<li><a href=\"{url}\"{here}>{words}</a></li>");
            }
            html.push_str("</ul>");
        }
        html
    }
}

/// The path of a repository file on the site.
pub(crate) fn address(file: &str) -> String {
    match file {
        README => "index.html".to_owned(),
        file if is_shown_as_it_is(file) => file.to_owned(),
        file => format!("{}.html", file.strip_suffix(".md").unwrap_or(file)),
    }
}

pub(crate) fn is_shown_as_it_is(file: &str) -> bool {
    file.ends_with(".svg") || file.ends_with(".png")
}

/// The address of a file, relative to another file's page.
fn relative(from: &str, file: &str) -> String {
    let up = "../".repeat(address(from).matches('/').count());
    format!("{up}{}", address(file))
}

pub(crate) fn headings(text: &str) -> Vec<String> {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let (mut all, mut words) = (Vec::new(), None::<String>);
    for event in Parser::new_ext(text, OPTIONS) {
        match event {
            Event::Start(Tag::Heading { .. }) => words = Some(String::new()),
            Event::End(TagEnd::Heading(_)) => {
                let anchor = anchor(&words.take().unwrap_or_default());
                let times = seen.entry(anchor.clone()).or_default();
                all.push(if *times == 0 { anchor } else { format!("{anchor}-{times}") });
                *times += 1;
            }
            Event::Text(text) | Event::Code(text) => {
                if let Some(words) = &mut words {
                    words.push_str(&text);
                }
            }
            _ => {}
        }
    }
    all
}

fn anchor(words: &str) -> String {
    let kept = |c: &char| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_');
    words.to_lowercase().chars().filter(kept).map(|c| if c == ' ' { '-' } else { c }).collect()
}

pub(crate) fn html(file: &str, text: &str, contents: &Contents) -> String {
    let mut anchors = headings(text).into_iter();
    let moved = |url: CowStr<'_>| match links::target(&url, file) {
        Some(LinkTarget { file: to, anchor }) => {
            let anchor = anchor.map_or_else(String::new, |anchor| format!("#{anchor}"));
            CowStr::from(format!("{}{anchor}", relative(file, &to)))
        }
        None => CowStr::from(url.into_string()),
    };
    let events = Parser::new_ext(text, OPTIONS).map(|event| match event {
        Event::Start(Tag::Heading { level, classes, attrs, .. }) => {
            let id = anchors.next().map(CowStr::from);
            Event::Start(Tag::Heading { level, id, classes, attrs })
        }
        Event::Start(Tag::Link { link_type, dest_url, title, id }) => {
            Event::Start(Tag::Link { link_type, dest_url: moved(dest_url), title, id })
        }
        Event::Start(Tag::Image { link_type, dest_url, title, id }) => {
            Event::Start(Tag::Image { link_type, dest_url: moved(dest_url), title, id })
        }
        event => event,
    });
    let mut body = String::new();
    markup::push_html(&mut body, events);
    // A wide table scrolls, not the page.
    let body =
        body.replace("<table>", "<div class=wide><table>").replace("</table>", "</table></div>");
    framed(file, &title_of(file, text), &body, contents)
}

/// The first heading, or the file's name.
pub(crate) fn title_of(file: &str, text: &str) -> String {
    let heading = text.lines().find_map(|line| line.strip_prefix("# "));
    heading.map_or_else(|| file.to_owned(), |words| words.replace('`', ""))
}

pub(crate) fn source(file: &str, text: &str, contents: &Contents) -> String {
    let body = format!("<h1>{0}</h1><pre><code>{1}</code></pre>", escaped(file), escaped(text));
    framed(file, file, &body, contents)
}

/// Files without a link have no page.
pub(crate) fn directory(
    directory: &str,
    below: &[&str],
    linked: &BTreeSet<String>,
    contents: &Contents,
) -> String {
    let mut body = format!("<h1>{}</h1><ul>", escaped(directory));
    for file in below {
        let has_page = linked.contains(*file) || file.ends_with(".md");
        let words = escaped(file.strip_prefix(directory).unwrap_or(file).trim_start_matches('/'));
        body += &match has_page {
            true => format!("<li><a href=\"{}\">{words}</a></li>", relative(directory, file)),
            false => format!("<li>{words}</li>"),
        };
    }
    framed(directory, directory, &(body + "</ul>"), contents)
}

fn framed(file: &str, title: &str, body: &str, contents: &Contents) -> String {
    let up = "../".repeat(address(file).matches('/').count());
    let (title, contents) = (escaped(title), contents.html(file));
    format!(
        "<!doctype html>\n<html lang=en><head><meta charset=utf-8>\
         <meta name=viewport content=\"width=device-width, initial-scale=1\">\
         <title>{title} · {PRODUCT}</title><link rel=stylesheet href=\"{up}style.css\">\
         <script defer src=\"{up}{SCRIPT_FILE}\"></script></head>\n\
         <body><input type=checkbox id=menu><label for=menu>Contents</label>\
         <nav aria-label=Contents>{contents}</nav>\n<main>{body}</main></body></html>\n"
    )
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
