//! `ballet validate`: says of messages in a file whether the services would take them, without a broker.

pub(crate) mod message;
pub(crate) mod texts;

use std::path::PathBuf;

use anyhow::Result;
use ballet::core::{Incoming, Unacceptable};
use ballet_check::validate::{MessageVerdict, Validator};
use serde_json::{Value, json};

use crate::author::validate::message::Message;
use crate::author::validate::texts::{Text, texts};
use crate::base::exit::{Done, usage};
use crate::base::input::read;
use crate::base::options::GlobalOptions;
use crate::base::systems::{contracts, resolved};
use crate::base::ui::{self, Output};

/// What is to be judged.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The file: one message, a JSON array of them, or one on each line; `-` is standard input
    file: PathBuf,
    /// What is in the file are bare bodies of this event, not messages with `type` and `body`
    #[arg(long = "type", value_name = "EVENT")]
    event: Option<String>,
    /// Who publishes the bare bodies
    #[arg(long, value_name = "PRODUCER", requires = "event")]
    app_id: Option<String>,
}

pub(crate) fn run(arguments: &Arguments, options: &GlobalOptions) -> Result<Done> {
    let validator = Validator::new(resolved(contracts()?)?);
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
    for Text { place, text } in &texts {
        let verdict = judge(&validator, arguments, text, options);
        valid += usize::from(verdict.is_valid());
        match options.output {
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
        valid if valid == all => Done::All,
        0 => Done::Failed,
        _ => Done::Partly,
    })
}

/// What is said of one text in the file.
struct Judged {
    event: Option<&'static str>,
    /// The id that every service gives it. A bare body has none yet.
    message_id: Option<String>,
    faults: Vec<Fault>,
}

/// What is wrong with it.
struct Fault {
    reason: &'static str,
    detail: String,
}

fn judge(
    validator: &Validator,
    arguments: &Arguments,
    text: &[u8],
    options: &GlobalOptions,
) -> Judged {
    let now = options.clock.now();
    if let Some(name) = arguments.event.as_deref() {
        // A bare body is judged alone, whatever saga it will belong to.
        let saga = "00000000-0000-0000-0000-000000000000";
        let bare = Incoming {
            event_type: Some(name),
            app_id: arguments.app_id.as_deref(),
            correlation_id: Some(saga),
            body: text,
            ..Incoming::default()
        };
        return Judged { message_id: None, ..Judged::of(validator.judge(&bare, now)) };
    }
    match Message::read(text) {
        Ok(message) => Judged::of(validator.judge(&message.incoming(), now)),
        Err(detail) => {
            let fault = Fault { reason: "not_a_message", detail };
            Judged { event: None, message_id: None, faults: vec![fault] }
        }
    }
}

impl Judged {
    fn of(MessageVerdict { event, message_id, faults }: MessageVerdict) -> Self {
        let event = event.map(|event| event.name());
        let fault = |Unacceptable { reason, detail }| Fault { reason: reason.code(), detail };
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
        for Fault { reason, detail } in &self.faults {
            ui::print(&format!("{place}{}: {}", ui::red(reason), detail));
        }
    }

    fn row(&self, place: &str) -> Value {
        let faults = self.faults.iter();
        let faults = faults.map(|fault| json!({ "reason": fault.reason, "detail": fault.detail }));
        json!({
            "place": place.trim_end_matches(": "), "type": self.event,
            "message_id": self.message_id, "valid": self.is_valid(),
            "faults": faults.collect::<Vec<_>>(),
        })
    }
}
