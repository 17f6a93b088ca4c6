//! The commands that the project's own texts advise. A test of each program parses them with its definition: wrong
//! advice is worse than none.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use clap::Command;
use clap::error::ErrorKind;

/// Other ways to write the name of a program.
const ALIASES: [(&str, &str); 1] = [("cargo ballet", "ballet")];
/// The length of the longest command. A longer text is not a command but the text between two of them.
const LONGEST: usize = 400;
/// The words that end a command in a shell.
const ENDS: [&str; 8] = ["|", "&&", "||", ">", ">>", "2>", "#", ";"];

/// Returns the advised commands of a program that it would not accept, each with its file and the reason. `folder`
/// holds the sources and pages. A page may name a command without its arguments, and use a word for a value.
///
/// # Panics
///
/// If a file cannot be read, or if no command is found.
#[must_use]
pub fn wrong_commands(program: &str, definition: &Command, folder: &Path) -> Vec<String> {
    let subcommands: Vec<String> =
        definition.get_subcommands().map(|command| command.get_name().to_owned()).collect();
    let advised = find_commands(folder, program, &subcommands);
    assert!(!advised.is_empty(), "no text speaks of {program}");
    let mut wrong = Vec::new();
    for (file, words) in advised {
        let all = [program].into_iter().chain(words.iter().map(String::as_str));
        let Err(error) = definition.clone().try_get_matches_from(all) else { continue };
        let is_fine = match error.kind() {
            ErrorKind::MissingRequiredArgument
            | ErrorKind::MissingSubcommand
            | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
            | ErrorKind::DisplayHelp
            | ErrorKind::DisplayVersion => true,
            ErrorKind::InvalidValue | ErrorKind::ValueValidation => {
                let ends_with_option = words.last().is_some_and(|word| word.starts_with('-'));
                ends_with_option || words.iter().any(|word| is_placeholder(word))
            }
            // A word such as `{name}` is filled in when the text is shown.
            ErrorKind::UnknownArgument => words.last().is_some_and(|word| word.starts_with('{')),
            _ => false,
        };
        if !is_fine {
            let why = error.to_string();
            let why = why.lines().next().unwrap_or_default();
            wrong.push(format!("{file}: {program} {}: {why}", words.join(" ")));
        }
    }
    wrong
}

fn is_placeholder(word: &str) -> bool {
    let is_name = word.len() > 1 && word.chars().all(|it| it.is_ascii_uppercase() || it == '_');
    is_name || word.contains(['{', '<', '$', '…']) || word.contains("...")
}

/// Finds commands, each with its file and the words after the program's name: between backquotes, on example lines,
/// and where a text has `{}` for the program before one of its subcommands.
fn find_commands(
    folder: &Path,
    program: &str,
    subcommands: &[String],
) -> Vec<(String, Vec<String>)> {
    let mut found = BTreeSet::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        let entries = fs::read_dir(&next).expect("a folder of the project");
        for entry in entries.map(|entry| entry.expect("an entry")) {
            let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
            // This file has commands that only serve as examples.
            if name.starts_with('.') || name == "target" || name == "advice.rs" {
                continue;
            }
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let is_text = ["rs", "md", "yml", "yaml", "toml"].iter();
            if !is_text.clone().any(|end| path.extension().is_some_and(|is| is == *end)) {
                continue;
            }
            let text = fs::read_to_string(&path).expect("a text of the project");
            let file = path.strip_prefix(folder).unwrap_or(&path).display().to_string();
            for command in commands(&text, program, subcommands) {
                found.extend(split_words(&command).map(|words| (file.clone(), words)));
            }
        }
    }
    found.into_iter().collect()
}

/// Returns the commands of a program in a text, without the program's name.
fn commands(text: &str, program: &str, subcommands: &[String]) -> Vec<String> {
    let mut text = join_lines(text);
    for (alias, name) in ALIASES {
        text = text.replace(alias, name);
    }
    let mut found = Vec::new();
    let quoted = format!("`{program} ");
    for (at, _) in text.match_indices(&quoted) {
        let rest = &text[at + quoted.len()..];
        let end = rest.find('`').filter(|end| *end <= LONGEST);
        found.extend(end.map(|end| rest[..end].to_owned()));
    }
    for subcommand in subcommands {
        for before in ["`{} ", ": {} "] {
            let named = format!("{before}{subcommand} ");
            for (at, _) in text.match_indices(&named) {
                let rest = &text[at + before.len()..];
                let end = rest.find(['`', '"', ';', ',']).unwrap_or(rest.len());
                found.push(rest[..end].to_owned());
            }
        }
    }
    let line = format!("{program} ");
    for example in text.lines() {
        let typed = example.trim_start().strip_prefix("$ ");
        if let Some(command) = typed.unwrap_or(example.trim_start()).strip_prefix(&line) {
            let is_prose = command.ends_with(['.', ',']) || command.contains(". ");
            let first = command.split(' ').next().unwrap_or_default();
            let is_known = subcommands.iter().any(|known| known == first);
            // Text behind a prompt is a command even if the subcommand no longer exists.
            if typed.is_some() || is_known && !is_prose {
                // An explanation may stand beside the command.
                let command = command.split("  ").next().unwrap_or_default();
                found.push(command.trim_end_matches("\";").trim_end_matches('"').to_owned());
            }
        }
    }
    found
}

/// Puts each command on one line: removes comment signs and joins continued lines.
fn join_lines(text: &str) -> String {
    let mut whole = String::new();
    for line in text.lines() {
        let bare = line.trim_start();
        let bare = ["///", "//!"].iter().find_map(|sign| bare.strip_prefix(sign)).unwrap_or(line);
        // A command in backquotes may continue on the next line.
        let is_open =
            whole.rsplit('\n').next().is_some_and(|last| last.matches('`').count() % 2 == 1);
        if whole.ends_with('\\') {
            whole.truncate(whole.trim_end_matches('\\').len());
            whole.push_str(bare.trim_start());
        } else if is_open {
            whole.push(' ');
            whole.push_str(bare.trim_start());
        } else {
            whole.push('\n');
            whole.push_str(bare);
        }
    }
    whole.replace("\\\"", "\"").replace("\\n", "\n")
}

/// Splits a command into words as a shell would, once for each choice of `one|other`.
fn split_words(command: &str) -> impl Iterator<Item = Vec<String>> + use<> {
    let mut all: Vec<Vec<String>> = vec![Vec::new()];
    let mut quote = None;
    let mut word = String::new();
    let mut parts = Vec::new();
    for character in command.chars() {
        match (quote, character) {
            (None, '\'' | '"') => quote = Some(character),
            (Some(open), end) if open == end => quote = None,
            (None, blank) if blank.is_whitespace() => parts.push(std::mem::take(&mut word)),
            _ => word.push(character),
        }
    }
    parts.push(word);
    for part in parts.into_iter().filter(|part| !part.is_empty()) {
        if ENDS.contains(&part.as_str()) {
            break;
        }
        let choices: Vec<&str> = match part.contains('|') && !part.contains(['<', '=']) {
            true => part.split('|').collect(),
            false => vec![&part],
        };
        let longer = |before: &Vec<String>| -> Vec<Vec<String>> {
            let with = |choice: &&str| [&before[..], &[(*choice).to_owned()]].concat();
            choices.iter().map(with).collect()
        };
        all = all.iter().flat_map(longer).collect();
    }
    all.into_iter().filter(|words| !words.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<Vec<String>> {
        let subcommands = ["dlq".to_owned(), "sagas".to_owned()];
        let commands = commands(text, "ballet", &subcommands);
        commands.iter().flat_map(|command| split_words(command)).collect()
    }

    #[test]
    fn commands_are_found_in_texts_examples_and_strings() {
        assert_eq!(found("see `ballet dlq groups`, then ballet\nis"), [["dlq", "groups"]]);
        assert_eq!(found("/// with `ballet dlq\n/// groups --x`"), [["dlq", "groups", "--x"]]);
        assert_eq!(found("$ cargo ballet dlq list   # all of them"), [["dlq", "list"]]);
        assert_eq!(
            found("  ballet dlq list \\\n    --detail 'a b' | wc"),
            [["dlq", "list", "--detail", "a b"]]
        );
        assert_eq!(
            found("say(\"go on: {} sagas show {saga}\", name)"),
            [["sagas", "show", "{saga}"]]
        );
        assert_eq!(found("`ballet sagas list|show`"), [["sagas", "list"], ["sagas", "show"]]);
        assert_eq!(found("$ ballet queues list"), [["queues", "list"]]);
        assert_eq!(found("ballet needs 3.10 or later"), Vec::<Vec<String>>::new());
    }
}
