//! `ballet id`: a new message id, or the one that services derive for a message without one.

use std::path::PathBuf;

use anyhow::Result;
use ballet::core::MessageId;
use ballet::core::envelope::is_blank;
use serde_json::json;

use crate::base::exit::{ExitStatus, usage};
use crate::base::input::read;
use crate::base::options::GlobalOptions;
use crate::base::ui::{self, Output};

/// The source of the id. Without one the id is new.
#[derive(Debug, clap::Args)]
pub(crate) struct IdArgs {
    /// A `message_id` that is no UUID, or the `id` of a CloudEvent
    text: Option<String>,
    /// The `source` of the CloudEvent
    #[arg(long, requires = "text")]
    source: Option<String>,
    /// The event of a message without an id
    #[arg(long = "type", value_name = "EVENT", requires = "body", conflicts_with = "text")]
    event: Option<String>,
    /// Its body as it is published, byte for byte; `-` is standard input
    #[arg(long, value_name = "FILE", requires = "event")]
    body: Option<PathBuf>,
    /// Its `correlation_id`, if it has one
    #[arg(long, value_name = "ID", requires = "event")]
    correlation_id: Option<String>,
}

pub(crate) fn run(arguments: &IdArgs, options: &GlobalOptions) -> Result<ExitStatus> {
    let blank = |text: &Option<String>| text.as_deref().is_some_and(is_blank);
    if blank(&arguments.text) || blank(&arguments.source) || blank(&arguments.correlation_id) {
        return Err(usage("a blank id or source counts as absent: leave it out"));
    }
    let id = match arguments {
        IdArgs { text: Some(text), source, .. } => match text.parse::<MessageId>() {
            Ok(id) => id,
            Err(_) => source.as_deref().map_or_else(
                || MessageId::derived_from_text(text),
                |source| MessageId::derived_from_source(source, text),
            ),
        },
        IdArgs { event: Some(event), body: Some(body), correlation_id, .. } => {
            let body = read(body)?;
            if body.ends_with(b"\n") {
                ui::say("the body ends with a line break, which counts, too");
            }
            MessageId::derived_from_content(event, correlation_id.as_deref(), &body)
        }
        _ => MessageId(options.clock.new_id(options.clock.now())),
    };
    match options.output {
        Output::Table => ui::print(&id.to_string()),
        Output::Json | Output::Jsonl => {
            ui::print_json(options.output, [json!({ "message_id": id })]);
        }
    }
    Ok(ExitStatus::All)
}
