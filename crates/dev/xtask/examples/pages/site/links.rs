//! A page's links and their targets.

use pulldown_cmark::{Event, Options, Parser, Tag};

pub(crate) const OPTIONS: Options = Options::ENABLE_TABLES;

pub(crate) struct PageLink {
    pub(crate) line: usize,
    pub(crate) url: String,
}

/// A file of the repository, or an anchor in it.
pub(crate) struct LinkTarget {
    /// The path below the root.
    pub(crate) file: String,
    pub(crate) anchor: Option<String>,
}

pub(crate) fn of(text: &str) -> Vec<PageLink> {
    let mut links = Vec::new();
    for (event, range) in Parser::new_ext(text, OPTIONS).into_offset_iter() {
        if let Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) = event {
            let line = text[..range.start].matches('\n').count() + 1;
            links.push(PageLink { line, url: dest_url.into_string() });
        }
    }
    links
}

impl PageLink {
    /// The target of the link on the page `from`. `None` if it is outside the repository.
    pub(crate) fn target(&self, from: &str) -> Option<LinkTarget> {
        target(&self.url, from)
    }
}

pub(crate) fn target(url: &str, from: &str) -> Option<LinkTarget> {
    if url.contains("://") || url.starts_with("mailto:") {
        return None;
    }
    let (path, anchor) = match url.split_once('#') {
        Some((path, anchor)) => (path, Some(anchor.to_owned())),
        None => (url, None),
    };
    if path.is_empty() {
        return Some(LinkTarget { file: from.to_owned(), anchor });
    }
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    Some(LinkTarget { file: parts.join("/"), anchor })
}
