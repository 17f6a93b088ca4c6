//! `ballet sagas solved` with `--answer` or `--nothing-done`: a person knows how a call ended.

use std::time::Duration;

use anyhow::{Context as _, Result};
use ballet::SagaId;
use ballet_ops::sagas::{AnsweredCall, CallFollowUp, CallOutcome, KnownCall, answer};
use serde_json::json;
use sqlx::Connection;

use crate::base::exit::ExitStatus;
use crate::base::input::read;
use crate::base::options::GlobalOptions;
use crate::base::ui::{self, Output};
use crate::operator::sagas::solved::{Args, part};

/// The outcome of the call that the person reports. None if it is not about a call.
pub(super) fn outcome(args: &Args) -> Result<Option<CallOutcome>> {
    if args.nothing_done {
        return Ok(Some(CallOutcome::NothingDone));
    }
    let Some(file) = &args.answer else { return Ok(None) };
    let answer = String::from_utf8(read(file)?).context("the answer is not UTF-8")?;
    Ok(Some(CallOutcome::Answer(answer)))
}

pub(super) async fn run(
    args: &Args,
    outcome: CallOutcome,
    options: &GlobalOptions,
) -> Result<ExitStatus> {
    let note = args.note_args.note_with_reason("say how that is known", options)?;
    let part = part(args)?;
    let mut db =
        options.connect_needed(part.service, "the call is in the service's database").await?;
    let known = KnownCall {
        part: &part,
        saga: SagaId(args.saga),
        step: &args.step,
        key: args.key.as_deref(),
        outcome,
        is_called_off: args.called_off,
        note,
    };
    let patience = Duration::from_secs(args.patience);
    let answered = answer(&mut db, &known, patience, args.dry_run).await;
    db.close().await.ok();
    let answered = answered.with_context(|| format!("nothing was changed in {}", part.service))?;
    show(args, &known, &answered, options);
    Ok(ExitStatus::All)
}

fn show(args: &Args, known: &KnownCall<'_>, answered: &AnsweredCall, options: &GlobalOptions) {
    let KnownCall { part, note, .. } = known;
    let (service, saga) = (part.service, args.saga);
    let AnsweredCall { step, key, then } = answered;
    if options.output != Output::Table {
        let then = match then {
            CallFollowUp::TakesIn => "takes_in",
            CallFollowUp::Ends => "ends",
            CallFollowUp::Makes => "makes",
        };
        let row = json!({
            "saga": saga, "service": service, "step": step, "call": key, "by": note.by,
            "why": note.why, "then": then, "changed": !args.dry_run,
        });
        ui::print_json(options.output, [row]);
        return;
    }
    if args.dry_run {
        ui::say(&format!("{service} would do this with {step}: it {then}; nothing was changed"));
        return;
    }
    ui::say(&format!("what became of the call of {step} is noted by {}", note.by));
    ui::say(&format!(
        "within seconds {service} {then}; if it cannot, {} sagas show {saga} says why",
        ui::ballet()
    ));
}
