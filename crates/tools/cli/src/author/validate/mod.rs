//! `ballet validate`: whether services would accept a file's messages, without a broker.

pub(crate) mod message;
pub(crate) mod texts;

use std::path::PathBuf;

use anyhow::Result;
use ballet::core::{Incoming, Unacceptable};
use ballet_check::validate::{MessageVerdict, Validator};
use serde_json::{Value, json};

use crate::author::validate::message::FileMessage;
use crate::author::validate::texts::{MessageText, texts};
use crate::base::exit::{ExitStatus, usage};
use crate::base::input::read;
use crate::base::options::GlobalOptions;
use crate::base::systems::{contracts, require_resolved};
use crate::base::ui::{self, Output};

/// The messages to judge.
#[derive(Debug, clap::Args)]
pub(crate) struct ValidateArgs {
    /// The file: one message, a JSON array of them, or one on each line; `-` is standard input
    file: PathBuf,
    /// The file holds bare bodies of this event, not messages with `type` and `body`
    #[arg(long = "type", value_name = "EVENT")]
    event: Option<String>,
    /// The publisher of the bare bodies
    #[arg(long, value_name = "PRODUCER", requires = "event")]
    app_id: Option<String>,
}

pub(crate) fn run(arguments: &ValidateArgs, options: &GlobalOptions) -> Result<ExitStatus> {
    let validator = Validator::new(require_resolved(contracts()?)?);
    if let Some(name) = arguments.event.as_deref()
        && validator.event(name).is_none()
    {
        return Err(usage(format!(
            "no service knows an event named {name:?}: `ballet catalog` lists all"
        )));
    }
    let text = read(&arguments.file)?;
    let texts = texts(&text);
    if texts.is_empty() {
        return Err(usage(format!("there is no message in {}", arguments.file.display())));
    }
    let mut valid = 0;
    let mut rows = Vec::new();
    for MessageText { place, text } in &texts {
        let verdict = judge(&validator, arguments, text, options);
        valid += usize::from(verdict.is_valid());
        match options.output {
            Output::Table if verdict.is_valid() && texts.len() > 1 => {}
            Output::Table => verdict.say(place),
            Output::Json | Output::Jsonl => rows.push(verdict.row(place)),
        }
    }
    let all = texts.len();
    match options.output {
        Output::Table if all > 1 => ui::say(&format!("{valid} of {all} messages are valid")),
        Output::Table => {}
        Output::Json | Output::Jsonl => ui::print_json(options.output, rows),
    }
    Ok(match valid {
        valid if valid == all => ExitStatus::All,
        0 => ExitStatus::Failed,
        _ => ExitStatus::Partly,
    })
}

struct TextVerdict {
    event: Option<&'static str>,
    /// The id that every service gives the message. A bare body has none yet.
    message_id: Option<String>,
    faults: Vec<(&'static str, String)>,
}

fn judge(
    validator: &Validator,
    arguments: &ValidateArgs,
    text: &[u8],
    options: &GlobalOptions,
) -> TextVerdict {
    let now = options.clock.now();
    if let Some(name) = arguments.event.as_deref() {
        // A bare body is judged independent of its saga.
        let saga = "00000000-0000-0000-0000-000000000000";
        let bare = Incoming {
            event_type: Some(name),
            app_id: arguments.app_id.as_deref(),
            correlation_id: Some(saga),
            body: text,
            ..Incoming::default()
        };
        return TextVerdict { message_id: None, ..TextVerdict::of(validator.judge(&bare, now)) };
    }
    match FileMessage::read(text) {
        Ok(message) => TextVerdict::of(validator.judge(&message.incoming(), now)),
        Err(detail) => {
            TextVerdict { event: None, message_id: None, faults: vec![("not_a_message", detail)] }
        }
    }
}

impl TextVerdict {
    fn of(MessageVerdict { event, message_id, faults }: MessageVerdict) -> Self {
        let event = event.map(|event| event.name());
        let fault = |Unacceptable { reason, detail }| (reason.code(), detail);
        let faults = faults.into_iter().map(fault).collect();
        Self { event, message_id: Some(message_id.to_string()), faults }
    }

    fn is_valid(&self) -> bool {
        self.faults.is_empty()
    }

    fn say(&self, place: &str) {
        let name = self.event.unwrap_or("a message");
        if self.is_valid() {
            let id = self.message_id.as_deref().map(|id| format!(", id {id}")).unwrap_or_default();
            ui::print(&format!("{place}{}: {name}{id}", ui::green("valid")));
        }
        for (reason, detail) in &self.faults {
            ui::print(&format!("{place}{}: {detail}", ui::red(reason)));
        }
    }

    fn row(&self, place: &str) -> Value {
        let fault = |(reason, text): &(&str, String)| json!({ "reason": reason, "detail": text });
        json!({
            "place": place.trim_end_matches(": "), "type": self.event,
            "message_id": self.message_id, "valid": self.is_valid(),
            "faults": self.faults.iter().map(fault).collect::<Vec<_>>(),
        })
    }
}
