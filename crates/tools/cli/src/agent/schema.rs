//! The arguments of a tool: its JSON schema from the subcommand's options, and the command line from what was given.

use std::any::TypeId;
use std::num::NonZeroU32;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use clap::{Arg, ArgAction, Command, CommandFactory as _};
use serde_json::{Map, Value, json};

use crate::agent::texts::TextFiles;
use crate::agent::tools::{ToolKind, ToolSpec};
use crate::base::exit::usage;

/// The most rows that a look may ask for.
const MOST_ROWS: u64 = 200;
/// Options with a file, for which an agent gives the text itself.
const TEXTS: [&str; 3] = ["answer", "body", "event"];
/// Options that the server gives, or that are its own.
const NOT_GIVEN: [&str; 6] = ["by", "dry_run", "management_url", "vhost", "why", "yes"];
/// The arguments of each act besides the options.
pub(super) const OF_ACTS: [&str; 3] = ["dry_run", "person", "reason"];

/// The subcommand of a tool.
pub(super) fn subcommand(spec: &ToolSpec) -> Result<Command> {
    spec.command.iter().try_fold(crate::Args::command(), |command, name| {
        command.find_subcommand(name).cloned().with_context(|| format!("no subcommand {name}"))
    })
}

/// Whether the subcommand has this option.
pub(super) fn has(command: &Command, id: &str) -> bool {
    command.get_arguments().any(|arg| arg.get_id() == id)
}

/// The options that an agent may give.
fn given_options(command: &Command) -> impl Iterator<Item = &Arg> {
    command.get_arguments().filter(|arg| {
        let id = arg.get_id().as_str();
        let is_file = is_of(arg, TypeId::of::<PathBuf>()) && !is_text(arg);
        !(arg.is_hide_set() || NOT_GIVEN.contains(&id) || is_file)
    })
}

fn is_of(arg: &Arg, kind: TypeId) -> bool {
    arg.get_value_parser().type_id() == kind
}

fn is_text(arg: &Arg) -> bool {
    TEXTS.contains(&arg.get_id().as_str()) && is_of(arg, TypeId::of::<PathBuf>())
}

fn is_number(arg: &Arg) -> bool {
    let numbers = [
        TypeId::of::<u32>(),
        TypeId::of::<u64>(),
        TypeId::of::<usize>(),
        TypeId::of::<NonZeroU32>(),
    ];
    numbers.into_iter().any(|kind| is_of(arg, kind))
}

/// The name of an argument: that of the option on the command line. An act has arguments of its own besides.
fn name(spec: &ToolSpec, arg: &Arg) -> String {
    let name = arg.get_long().unwrap_or(arg.get_id().as_str()).replace('-', "_");
    let is_taken = spec.kind == ToolKind::Act && OF_ACTS.contains(&name.as_str());
    if is_taken { format!("with_{name}") } else { name }
}

/// The description of a tool.
pub(super) fn description(spec: &ToolSpec, command: &Command) -> String {
    let about = command.get_about().map(ToString::to_string).unwrap_or_default();
    let said = [&about, spec.more].into_iter().map(|text| text.trim_end_matches('.'));
    let said: Vec<&str> = said.filter(|text| !text.is_empty()).collect();
    format!("{}. It is `ballet {}`.", said.join(". "), spec.command.join(" "))
}

/// The schema of a tool's arguments.
pub(super) fn schema(spec: &ToolSpec, command: &Command) -> Map<String, Value> {
    let mut properties = Map::new();
    let mut required = Vec::new();
    for arg in given_options(command) {
        let name = name(spec, arg);
        if arg.is_required_set() {
            required.push(json!(name));
        }
        properties.insert(name, property(spec, arg));
    }
    if spec.kind == ToolKind::Act {
        let of_acts = [
            json!({ "type": "boolean", "default": true,
                "description": "Say what would happen, and change nothing" }),
            json!({ "type": "string", "description": "The person who has decided this, for the record" }),
            json!({ "type": "string", "description": "The person's reason, for the record" }),
        ];
        properties.extend(OF_ACTS.map(str::to_owned).into_iter().zip(of_acts));
    }
    let schema = json!({
        "type": "object", "properties": properties, "required": required,
        "additionalProperties": false,
    });
    schema.as_object().cloned().unwrap_or_default()
}

fn property(spec: &ToolSpec, arg: &Arg) -> Value {
    let words: Vec<String> =
        arg.get_possible_values().iter().map(|value| value.get_name().to_owned()).collect();
    let mut property = match arg.get_action() {
        ArgAction::SetTrue => json!({ "type": "boolean" }),
        _ if !words.is_empty() => json!({ "type": "string", "enum": words }),
        _ if is_number(arg) => json!({ "type": "integer", "minimum": 0 }),
        _ => json!({ "type": "string" }),
    };
    if is_limit(spec, arg) {
        property["maximum"] = json!(MOST_ROWS);
    }
    if matches!(arg.get_action(), ArgAction::Append) {
        property = json!({ "type": "array", "items": property });
    }
    let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
    let defaults = arg.get_default_values().iter().map(|value| value.to_string_lossy());
    let default = defaults.map(|value| format!(" [default: {value}]")).collect::<String>();
    let text = if is_text(arg) { " (here the text itself, not a file)" } else { "" };
    property["description"] = json!(format!("{help}{text}{default}"));
    property
}

fn is_limit(spec: &ToolSpec, arg: &Arg) -> bool {
    spec.kind == ToolKind::Look && arg.get_id() == "limit"
}

/// The command line of what was given. Texts go to files, which last as long as `files`.
pub(super) fn command_line(
    spec: &ToolSpec,
    command: &Command,
    given: &Map<String, Value>,
    files: &mut TextFiles,
) -> Result<Vec<String>> {
    let (mut line, mut last) = (vec!["ballet".to_owned()], vec!["--".to_owned()]);
    line.extend(spec.command.iter().map(|word| (*word).to_owned()));
    for (named, value) in given {
        let Some(arg) = given_options(command).find(|arg| name(spec, arg) == *named) else {
            let known: Vec<String> = given_options(command).map(|arg| name(spec, arg)).collect();
            let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
            return Err(usage(format!("{} has no argument `{named}`; it has {known}", spec.name)));
        };
        let wrong = |wanted: &str| usage(format!("{}: `{named}` has to be {wanted}", spec.name));
        let values = match (arg.get_action(), value) {
            (_, Value::Null) => continue,
            (ArgAction::SetTrue, Value::Bool(is)) => {
                let long = arg.get_long().unwrap_or_default();
                line.extend(is.then(|| format!("--{long}")));
                continue;
            }
            (ArgAction::SetTrue, _) => return Err(wrong("true or false")),
            (ArgAction::Append, Value::Array(values)) => values.iter().collect(),
            (_, value) => vec![value],
        };
        for value in values {
            let mut text = match value {
                Value::String(text) => text.clone(),
                Value::Number(number) => number.to_string(),
                value if is_text(arg) => value.to_string(),
                _ => return Err(wrong("a text or a number")),
            };
            if is_limit(spec, arg) && text.parse::<u64>().is_ok_and(|rows| rows > MOST_ROWS) {
                return Err(wrong(&format!("at most {MOST_ROWS}: narrow what you look for")));
            }
            if is_text(arg) {
                text = files.write(&text)?;
            }
            match arg.get_long() {
                Some(long) => line.push(format!("--{long}={text}")),
                None => last.push(text),
            }
        }
    }
    // Behind the dashes nothing is taken for an option.
    line.append(&mut last);
    Ok(line)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::tools::TOOLS;

    fn of(name: &str) -> (ToolSpec, Command) {
        let spec = TOOLS.into_iter().find(|spec| spec.name == name).expect(name);
        (spec, subcommand(&spec).expect(name))
    }

    fn line(name: &str, given: &Value) -> Result<Vec<String>> {
        let (spec, command) = of(name);
        let given = given.as_object().expect("an object");
        command_line(&spec, &command, given, &mut TextFiles::default())
    }

    #[test]
    fn each_tool_is_a_subcommand_and_no_option_takes_a_file_or_a_password() {
        for spec in TOOLS {
            let command = subcommand(&spec).expect(spec.name);
            let schema = schema(&spec, &command);
            let properties = schema["properties"].as_object().expect("properties");
            for (name, property) in properties {
                assert!(!name.contains("url") && name != "to" && name != "yes", "{name}");
                assert!(
                    property["description"].as_str().is_some_and(|text| text.len() > 5),
                    "{name}"
                );
            }
            if spec.kind == ToolKind::Act {
                assert!(has(&command, "dry_run") && has(&command, "by"), "{}", spec.name);
            }
        }
        let (spec, command) = of("sagas_list");
        let schema = schema(&spec, &command);
        assert_eq!(schema["properties"]["limit"]["maximum"], MOST_ROWS);
        assert_eq!(schema["properties"]["state"]["enum"][3], "stuck");
    }

    #[test]
    fn what_is_given_becomes_one_word_each_and_never_an_option_of_its_own() {
        let given = json!({ "id": ["a", "--all"], "type": "--all", "limit": 3, "all": false,
            "with_reason": "expired" });
        let line_of = line("dlq_redrive", &given).expect("a line");
        let mut words = line_of.clone();
        words.sort();
        let expected = [
            "--",
            "--id=--all",
            "--id=a",
            "--limit=3",
            "--reason=expired",
            "--type=--all",
            "ballet",
            "dlq",
            "redrive",
        ];
        assert_eq!(words, expected);
        assert_eq!(line_of[..3], ["ballet", "dlq", "redrive"]);
        let named = line("sagas_show", &json!({ "saga": "--amqp-url=x" })).expect("a line");
        assert_eq!(named[3..], ["--", "--amqp-url=x"]);
    }

    #[test]
    fn a_wrong_argument_is_named_with_those_that_there_are() {
        for (tool, given, said) in [
            (
                "sagas_list",
                json!({ "amqp_url": "x" }),
                "no argument `amqp_url`; it has saga, with, state",
            ),
            ("dlq_discard", json!({ "to": "/etc/passwd" }), "no argument `to`"),
            ("sagas_list", json!({ "limit": 5_000 }), "at most 200"),
            ("doctor", json!({ "quiet": "yes" }), "true or false"),
            ("sagas_show", json!({ "saga": {} }), "a text or a number"),
        ] {
            let error = line(tool, &given).expect_err(said).to_string();
            assert!(error.contains(said), "{error}");
        }
    }
}
