//! The code on pages. A block below the comment `<!-- quoted: FILE -->` is that file, and below
//! `<!-- quoted: FILE: ITEM + ITEM -->` it is these items of the file, each named by the beginning of one of its lines.
//! The files are compiled and run by tests, so a page cannot show what does not work.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};

/// The pages by task, with which most readers need no other. All code on them is quoted.
const TASKS: [&str; 5] = [
    "docs/write-a-service.md",
    "docs/call-outside.md",
    "docs/decide-in-time.md",
    "docs/run-and-look.md",
    "docs/when-it-hangs.md",
];
/// The maximum number of words of these pages together.
const WORDS: usize = 2_500;
/// Blocks of commands are not quoted: the test `walk` runs them.
const COMMANDS: [&str; 2] = ["console", "sh"];
const BEGIN: &str = "<!-- quoted: ";
const END: &str = " -->";
const FENCE: &str = "```";

/// Returns the pages by task, the README and all others that quote code, each with its text in which all quotes are
/// those of the files now.
///
/// # Errors
///
/// If a quoted file or item does not exist, if a page by task has code that is not quoted, or if these pages have too
/// many words.
pub(crate) fn renewed_pages(root: &Path) -> Result<Vec<(String, String)>> {
    let read = |file: &str| {
        fs::read_to_string(root.join(file)).with_context(|| format!("cannot read {file}"))
    };
    let mut files = vec!["README.md".to_owned()];
    pages_below(root, "docs", &mut files)?;
    files.sort();
    let mut pages = Vec::new();
    for file in files {
        let text = read(&file)?;
        // Pages without quotes may be generated themselves.
        if file == "README.md" || TASKS.contains(&file.as_str()) || text.contains(BEGIN) {
            let text = renewed(&file, &text, &read)?;
            pages.push((file, text));
        }
    }
    let missing = TASKS.iter().find(|task| pages.iter().all(|(file, _)| file != *task));
    ensure!(missing.is_none(), "there is no {}", missing.unwrap_or(&""));
    let by_task = pages.iter().filter(|(file, _)| TASKS.contains(&file.as_str()));
    let words: usize = by_task.map(|(_, text)| words_of(text)).sum();
    let pages_by_task = TASKS.join(", ");
    ensure!(words <= WORDS, "{pages_by_task} have {words} words, at most {WORDS}: shorten them");
    Ok(pages)
}

/// Adds the pages of a folder and of all below it.
fn pages_below(root: &Path, folder: &str, files: &mut Vec<String>) -> Result<()> {
    let cannot_read = || format!("cannot read {folder}");
    for entry in fs::read_dir(root.join(folder)).with_context(cannot_read)? {
        let entry = entry.with_context(cannot_read)?;
        let path = format!("{folder}/{}", entry.file_name().to_string_lossy());
        if entry.file_type().with_context(cannot_read)?.is_dir() {
            pages_below(root, &path, files)?;
        } else if path.ends_with(".md") {
            files.push(path);
        }
    }
    Ok(())
}

/// Returns the number of words that a reader sees, code included.
fn words_of(text: &str) -> usize {
    let seen = text.lines().filter(|line| !line.starts_with(BEGIN));
    let words = seen.flat_map(str::split_whitespace);
    words.filter(|word| word.contains(char::is_alphanumeric)).count()
}

/// Returns the text of a page with its quotes made again.
fn renewed(page: &str, text: &str, read: &dyn Fn(&str) -> Result<String>) -> Result<String> {
    let mut new: Vec<String> = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        new.push(line.to_owned());
        if let Some(source) = line.strip_prefix(BEGIN) {
            let source = source.strip_suffix(END);
            let source = source.with_context(|| format!("{page}: no {END:?} ends {line}"))?;
            let (file, items) = match source.split_once(": ") {
                Some((file, items)) => (file, Some(items)),
                None => (source, None),
            };
            let fence = format!("{FENCE}{}", language(file));
            ensure!(
                lines.next() == Some(fence.as_str()),
                "{page}: no block {fence} follows {line}"
            );
            let is_closed = lines.by_ref().any(|line| line == FENCE);
            ensure!(is_closed, "{page}: the block below {line} does not end");
            let quote = read(file).and_then(|text| quote(file, &text, items));
            let quote = quote.with_context(|| format!("{page}: {line}"))?;
            new.extend([fence, quote, FENCE.to_owned()]);
        } else if let Some(language) = line.trim_start().strip_prefix(FENCE) {
            let is_free = !TASKS.contains(&page) || COMMANDS.contains(&language);
            ensure!(
                is_free,
                "{page} has a block of {language:?} that is not quoted: {BEGIN}FILE{END}"
            );
            for line in lines.by_ref() {
                new.push(line.to_owned());
                if line.trim_start().starts_with(FENCE) {
                    break;
                }
            }
        }
    }
    Ok(new.join("\n") + "\n")
}

fn language(file: &str) -> &str {
    match file.rsplit_once('.') {
        Some((_, "rs")) => "rust",
        Some((_, "py")) => "python",
        Some((_, known @ ("json" | "sql" | "toml"))) => known,
        _ => "text",
    }
}

/// Returns the file, or its items.
fn quote(file: &str, text: &str, items: Option<&str>) -> Result<String> {
    let Some(items) = items else { return Ok(text.trim_end().to_owned()) };
    let items: Result<Vec<_>> = items.split(" + ").map(|begin| item(file, text, begin)).collect();
    Ok(items?.join("\n\n"))
}

/// Returns the item of which a line begins with this text: in Rust with its docs and attributes, elsewhere up to a
/// blank line.
fn item(file: &str, text: &str, begin: &str) -> Result<String> {
    let lines: Vec<&str> = text.lines().collect();
    let begins = |at: &usize| lines[*at].trim_start().starts_with(begin);
    let found: Vec<usize> = (0..lines.len()).filter(begins).collect();
    let [at] = found[..] else {
        bail!("{file} has {} lines that begin with `{begin}`, not one", found.len());
    };
    let depth = indent(lines[at]);
    let is_end = |line: &str| {
        let is_code = indent(line) == depth && !line.trim_start().starts_with("//");
        is_code && (line.ends_with('}') || line.ends_with(';'))
    };
    let (first, end) = if language(file) == "rust" {
        let is_above = |line: &&&str| !line.is_empty() && indent(line) >= depth && !is_end(line);
        let above = lines[..at].iter().rev().take_while(is_above).count();
        let last = lines[at..].iter().position(|line| is_end(line));
        (at - above, at + last.with_context(|| format!("`{begin}` does not end in {file}"))? + 1)
    } else {
        let is_blank = |line: &&str| line.trim().is_empty();
        (at, at + lines[at..].iter().position(is_blank).unwrap_or(lines.len() - at))
    };
    let quoted: Vec<&str> =
        lines[first..end].iter().map(|line| line.get(depth..).unwrap_or("")).collect();
    Ok(quoted.join("\n"))
}

fn indent(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &str = "\
//! Seats.

const MOST: u8 = 4;
/// Holds seats.
#[service]
impl Hall {
    /// Holds them; or not.
    #[compensatable(
        undo = free
    )]
    async fn hold() {
        if full() {
            refuse();
        }
    }

    fn free() {}
}
";

    fn read(file: &str) -> Result<String> {
        match file {
            "hall.rs" => Ok(SOURCE.to_owned()),
            "hall.toml" => {
                Ok("[package]\nname = \"hall\"\n\n[dependencies]\nballet = 1\n".to_owned())
            }
            _ => bail!("no {file}"),
        }
    }

    fn quoted(source: &str) -> Result<String> {
        let language = language(source.split(": ").next().unwrap_or_default());
        let page = format!("# A\n\n{BEGIN}{source}{END}\n```{language}\nold\n```\n\nthe rest\n");
        let new = renewed("A", &page, &read)?;
        assert_eq!(renewed("A", &new, &read)?, new, "once more");
        let (_, quote) = new.split_once(&format!("```{language}\n")).context("a block")?;
        Ok(quote.strip_suffix("\n```\n\nthe rest\n").context("the rest")?.to_owned())
    }

    #[test]
    fn a_block_is_its_file_or_items_of_it_with_their_docs_and_attributes() {
        assert_eq!(quoted("hall.rs").expect("a quote"), SOURCE.trim_end());
        let hold = "/// Holds them; or not.\n#[compensatable(\n    undo = free\n)]\n\
                    async fn hold() {\n    if full() {\n        refuse();\n    }\n}";
        assert_eq!(quoted("hall.rs: async fn hold").expect("a quote"), hold);
        let both = format!("const MOST: u8 = 4;\n\n{hold}\n\nfn free() {{}}");
        let items = "hall.rs: const MOST + async fn hold + fn free";
        assert_eq!(quoted(items).expect("a quote"), both);
        let whole = quoted("hall.rs: impl Hall").expect("a quote");
        assert!(whole.starts_with("/// Holds seats.\n#[service]\nimpl Hall {"), "{whole}");
        assert!(whole.ends_with("\n    fn free() {}\n}"), "{whole}");
        let dependencies = quoted("hall.toml: [dependencies]").expect("a quote");
        assert_eq!(dependencies, "[dependencies]\nballet = 1");
    }

    #[test]
    fn what_is_not_there_and_code_that_no_file_has_are_errors() {
        for source in ["hut.rs", "hall.rs: fn hold", "hall.rs: async fn", "hall.rs:  "] {
            let is_there = source == "hall.rs: async fn";
            assert_eq!(quoted(source).is_ok(), is_there, "{source}");
        }
        let page = "# A\n\n```rust\nfn main() {}\n```\n\n```console\n$ cargo run\n```\n";
        assert_eq!(renewed("docs/code.md", page, &read).expect("a page"), page);
        let refused = renewed(TASKS[0], page, &read).expect_err("code of no file").to_string();
        assert!(refused.contains("a block of \"rust\" that is not quoted"), "{refused}");
        let open = format!("{BEGIN}hall.rs{END}\n\n```rust\n```\n");
        assert!(renewed("A", &open, &read).is_err(), "the block does not follow");
        let unended = format!("{BEGIN}hall.toml{END} \n```toml\nold\n```\n");
        assert!(renewed("A", &unended, &read).is_err(), "the comment has no end");
    }
}
