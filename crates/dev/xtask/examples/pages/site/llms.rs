//! `llms.txt`: the table of contents as a language model loads it (<https://llmstxt.org>).

use anyhow::{Context as _, Result};

use super::CONTENTS;
use super::links::{self, LinkTarget};

/// The file at the root of the repository, and of the site.
pub(crate) const LLMS: &str = "llms.txt";

/// The title and first paragraph of the README, then each part of the table of contents that is a list of pages.
pub(crate) fn text(readme: &str, contents: &str) -> Result<String> {
    let (title, rest) = readme.split_once("\n\n").context("the README has no title")?;
    let about = rest.split("\n\n").next().unwrap_or_default().replace('\n', " ");
    let mut text = format!("{title}\n\n> {about}\n");
    for part in contents.split("\n## ").skip(1) {
        let (heading, rest) = part.split_once('\n').unwrap_or((part, ""));
        let pages = pages(rest);
        if !pages.is_empty() {
            text += &format!("\n## {heading}\n\n{}\n", pages.join("\n"));
        }
    }
    Ok(text)
}

/// The points of a list, each on one line, with links from the root.
fn pages(text: &str) -> Vec<String> {
    let mut points: Vec<String> = Vec::new();
    for line in text.lines() {
        match (line.strip_prefix("  "), points.last_mut()) {
            (Some(more), Some(last)) => *last += &format!(" {}", more.trim()),
            _ if line.starts_with("- [") => points.push(line.to_owned()),
            _ => {}
        }
    }
    points.iter().map(|point| from_the_root(point)).collect()
}

fn from_the_root(point: &str) -> String {
    let mut parts = point.split("](");
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (url, rest) = part.split_once(')').unwrap_or((part, ""));
        let url = match links::target(url, CONTENTS) {
            Some(LinkTarget { file, anchor: Some(anchor) }) => format!("{file}#{anchor}"),
            Some(LinkTarget { file, anchor: None }) => file,
            None => url.to_owned(),
        };
        text += &format!("]({url}){rest}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_pages_are_kept_with_links_from_the_root() {
        let readme = "# it\n\nIt is *one*\nthing.\n\n## More\n";
        let contents = "# Contents\n\nWords.\n\n## Do it\n\n- [A](a.md): first, and [b](x/b.md#c)\n  and, both\n\n\
                        - [C](https://example.org): c\n\n## Not here\n\n| a | b |\n";
        let expected = "# it\n\n> It is *one* thing.\n\n## Do it\n\n- [A](docs/a.md): first, and \
                        [b](docs/x/b.md#c) and, both\n- [C](https://example.org): c\n";
        assert_eq!(text(readme, contents).expect("a title"), expected);
        assert!(text("# it", contents).is_err());
    }
}
