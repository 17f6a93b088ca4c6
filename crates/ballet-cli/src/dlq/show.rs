//! `ballet dlq show`: one dead letter with all that it holds.

use anyhow::Result;
use ballet_ops::redrive::Letter;

use crate::dlq::{lookup, render};
use crate::exit::Done;
use crate::options::GlobalOptions;
use crate::ui::{self, Output, cell};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The message's id, or its last digits
    id: String,
    /// Only in this service
    #[arg(long, value_name = "NAME")]
    service: Vec<String>,
}

pub(crate) async fn run(args: &Args, options: &GlobalOptions) -> Result<Done> {
    let letters = lookup::message(&args.id, &args.service, options).await?;
    if options.output != Output::Table {
        ui::print_json(options.output, letters.iter().map(render::full).collect());
        return Ok(Done::All);
    }
    for letter in &letters {
        show(letter, options);
    }
    if letters.len() > 1 {
        ui::say(&format!("{} dead letters are copies of this message", letters.len()));
    }
    ui::say(&format!(
        "send it back: ballet dlq redrive --id {0}; with another body: ballet dlq edit {0}",
        args.id
    ));
    Ok(Done::All)
}

fn show(letter: &Letter, options: &GlobalOptions) {
    let line = |name: &str, value: &str| {
        ui::print(&format!("{}  {}", ui::dim(&format!("{name:<16}")), cell(Some(value))));
    };
    line("message", &letter.id.to_string());
    line("service", &letter.service);
    line("reason", &letter.reason);
    if let Some(detail) = &letter.detail {
        line("detail", detail);
    }
    if let Some(step) = &letter.step {
        line("step", step);
    }
    if let Some(at) = letter.dead_at {
        line("died", &format!("{at} ({} ago)", ui::ago(Some(at), options.clock.now())));
    }
    line("attempts", &letter.attempts.to_string());
    line("redriven", &format!("{} times", letter.redrives));
    if let Some(exchange) = &letter.exchange {
        let key = letter.routing_key.as_deref().unwrap_or_default();
        line("published to", &format!("exchange {exchange:?}, routing key {key:?}"));
    }
    for (title, fields) in [
        ("properties", render::properties(letter)),
        ("headers", render::headers(letter.properties.headers().as_ref())),
    ] {
        ui::print(&format!("\n{}", ui::dim(title)));
        for (name, value) in fields.as_object().into_iter().flatten() {
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            ui::print(&format!("  {:<18} {}", cell(Some(name)), cell(Some(&value))));
        }
    }
    let packed = match (letter.text(), letter.readable()) {
        (None, Ok(plain)) => format!(", unpacked {}", plain.len()),
        _ => String::new(),
    };
    ui::print(&format!("\n{} ({} bytes{packed})", ui::dim("body"), letter.body.len()));
    ui::print(&body(letter));
}

/// The body as text, with indentation if it is JSON.
fn body(letter: &Letter) -> String {
    match letter.readable() {
        Ok(text) => {
            let shown = |c: &char| !c.is_control() || *c == '\n' || *c == '\t';
            render::pretty(&text).chars().filter(shown).collect()
        }
        Err(why) => format!("{}; -o json shows it in base64", why.detail),
    }
}
