//! `cargo xtask site`: writes the pages of the repository as a site, with a search, that needs no server and loads
//! nothing from elsewhere. A broken link is an error, and so is a page that the contents omit.

mod links;
pub(crate) mod llms;
mod page;
mod search;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, ensure};
use ballet_ops::terminal::ui;

use crate::{files, root};
use links::{LinkTarget, PageLink};
use page::Contents;

/// The table of contents: a heading for each kind of reader, with a list of links below it.
pub(crate) const CONTENTS: &str = "docs/README.md";
const STYLE: &str = include_str!("style.css");

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The directory of the site; `index.html` in it is the first page.
    #[arg(long, default_value = "target/site")]
    pub(crate) out: PathBuf,
    /// Write nothing, and only look where the links lead.
    #[arg(long)]
    pub(crate) check: bool,
}

pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    let root = root();
    let events = files::pages_of_events(&root)?;
    let files = tracked(&root)?;
    let mut pages = pages(&root, &files)?;
    pages.extend(events.iter().cloned());
    let wrong = find_mistakes(&pages, &files);
    for each in &wrong {
        ui::say(&format!("{} {each}", ui::bad("error:")));
    }
    if !wrong.is_empty() {
        return Ok(ExitCode::FAILURE);
    }
    let index = search::index(&pages)?;
    if args.check {
        ui::print(&format!("all links of {} pages lead somewhere", pages.len()));
        return Ok(ExitCode::SUCCESS);
    }
    let out = root.join(&args.out);
    let contents = Contents::of(pages.get(CONTENTS).map_or("", String::as_str), CONTENTS)
        .with("Generated", events.iter().map(|(file, text)| (page::title_of(file, text), file)));
    write(&root, &pages, &files, &contents, &out)?;
    put(&out, search::SCRIPT_FILE, search::SCRIPT.as_bytes())?;
    put(&out, search::INDEX_FILE, index.as_bytes())?;
    ui::print(&format!("{} pages: {}", pages.len(), out.join("index.html").display()));
    Ok(ExitCode::SUCCESS)
}

/// The files that git tracks, below the root.
fn tracked(root: &Path) -> Result<BTreeSet<String>> {
    let listed = Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard"])
        .current_dir(root)
        .output()
        .context("cannot run git, which knows the files of the repository")?;
    ensure!(listed.status.success(), "git cannot list the files: is this a checkout?");
    let listed = String::from_utf8(listed.stdout).context("a file name is not UTF-8")?;
    Ok(listed.lines().filter(|file| root.join(file).exists()).map(str::to_owned).collect())
}

/// The pages for people. Templates link to files made from them, so they are left out.
fn pages(root: &Path, files: &BTreeSet<String>) -> Result<BTreeMap<String, String>> {
    let is_page = |file: &&String| file.ends_with(".md") && !file.contains("/templates/");
    files
        .iter()
        .filter(is_page)
        .map(|file| {
            let text = fs::read_to_string(root.join(file))
                .with_context(|| format!("cannot read {file}"))?;
            Ok((file.clone(), text))
        })
        .collect()
}

/// Broken links, and pages without a link. Links lead to the repository's files, not to pages of the site alone.
fn find_mistakes(pages: &BTreeMap<String, String>, files: &BTreeSet<String>) -> Vec<String> {
    let mut wrong = Vec::new();
    let headings: BTreeMap<&str, BTreeSet<String>> = pages
        .iter()
        .map(|(file, text)| (file.as_str(), page::headings(text).into_iter().collect()))
        .collect();
    for (file, text) in pages {
        for link in links::of(text) {
            if let Err(why) = resolve(&link, file, files, &headings) {
                wrong.push(format!("{file}:{}: {}", link.line, why));
            }
        }
    }
    let listed: BTreeSet<String> = pages.get(CONTENTS).map_or_else(BTreeSet::new, |text| {
        links::of(text).iter().filter_map(|link| link.target(CONTENTS)).map(|t| t.file).collect()
    });
    for file in pages.keys().filter(|file| files.contains(*file)) {
        let own = file.strip_prefix("docs/").is_some_and(|name| !name.starts_with("decisions/"));
        if own && file != CONTENTS && !listed.contains(file) {
            wrong.push(format!("{CONTENTS} leaves out {file}: add it where its reader looks"));
        }
    }
    wrong
}

fn resolve(
    link: &PageLink,
    from: &str,
    files: &BTreeSet<String>,
    headings: &BTreeMap<&str, BTreeSet<String>>,
) -> Result<(), String> {
    let Some(LinkTarget { file, anchor }) = link.target(from) else { return Ok(()) };
    let directory = format!("{file}/");
    let exists = file == from
        || files.contains(&file)
        || files.iter().any(|each| each.starts_with(&directory));
    if !exists {
        return Err(format!("there is no {file}"));
    }
    match (anchor, headings.get(file.as_str())) {
        (Some(anchor), Some(known)) if !known.contains(&anchor) => {
            Err(format!("{file} has no heading #{anchor}"))
        }
        _ => Ok(()),
    }
}

/// All pages, and the files that they link to. Source code becomes a page as well.
fn write(
    root: &Path,
    pages: &BTreeMap<String, String>,
    files: &BTreeSet<String>,
    contents: &Contents,
    out: &Path,
) -> Result<()> {
    let mut linked = BTreeSet::new();
    for (file, text) in pages {
        let targets = links::of(text).into_iter().filter_map(|link| link.target(file));
        linked.extend(targets.map(|target| target.file));
        put(out, &page::address(file), page::html(file, text, contents).as_bytes())?;
        // As it is, for those who come by `llms.txt`.
        put(out, file, text.as_bytes())?;
    }
    put(out, llms::LLMS, &fs::read(root.join(llms::LLMS)).context("there is no llms.txt")?)?;
    for file in linked.iter().filter(|file| !pages.contains_key(*file)) {
        let below: Vec<&str> = below(file, files);
        let html = match below.is_empty() {
            true if page::is_shown_as_it_is(file) => {
                put(out, file, &fs::read(root.join(file))?)?;
                continue;
            }
            true => page::source(file, &fs::read_to_string(root.join(file))?, contents),
            false => page::directory(file, &below, &linked, contents),
        };
        put(out, &page::address(file), html.as_bytes())?;
    }
    put(out, "style.css", STYLE.as_bytes())
}

fn below<'a>(directory: &str, files: &'a BTreeSet<String>) -> Vec<&'a str> {
    let start = format!("{directory}/");
    files.iter().filter(|file| file.starts_with(&start)).map(String::as_str).collect()
}

fn put(out: &Path, address: &str, bytes: &[u8]) -> Result<()> {
    let file = out.join(address);
    if let Some(directory) = file.parent() {
        fs::create_dir_all(directory)
            .with_context(|| format!("cannot create {}", directory.display()))?;
    }
    fs::write(&file, bytes).with_context(|| format!("cannot write {}", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn site(pages: &[(&str, &str)]) -> (BTreeMap<String, String>, BTreeSet<String>) {
        let pages: BTreeMap<_, _> =
            pages.iter().map(|(file, text)| ((*file).to_owned(), (*text).to_owned())).collect();
        let files = pages.keys().cloned().chain(["src/a.rs".to_owned()]).collect();
        (pages, files)
    }

    #[test]
    fn a_link_that_leads_nowhere_is_named_with_its_line() {
        let (pages, files) = site(&[
            (CONTENTS, "# Contents\n[a](a.md)\n"),
            (
                "docs/a.md",
                "# A\n\n## Its `end`, twice\n\n[a](#its-end-twice) [b](b.md) [c](../src/a.rs) [d](../src)\n\n[e](a.md#x)\n",
            ),
        ]);
        assert_eq!(
            find_mistakes(&pages, &files),
            ["docs/a.md:5: there is no docs/b.md", "docs/a.md:7: docs/a.md has no heading #x"]
        );
    }

    #[test]
    fn a_page_that_the_contents_leave_out_is_named() {
        let (pages, files) = site(&[
            (CONTENTS, "# Contents\n"),
            ("docs/a.md", "# A\n"),
            ("docs/decisions/1.md", "# One\n"),
            ("README.md", "# All\n"),
        ]);
        assert_eq!(
            find_mistakes(&pages, &files),
            ["docs/README.md leaves out docs/a.md: add it where its reader looks"]
        );
    }
}
