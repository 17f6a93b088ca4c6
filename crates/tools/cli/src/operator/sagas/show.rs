//! `ballet sagas show`: a saga as swim lanes, and what it waits for.

use anyhow::Result;
use ballet::core::{Graph, id};
use ballet_ops::redrive::{DeadLetter, DeadLetterFilter};
use ballet_ops::sagas::{self, Hindrance, SagaDetails, SagaEvent, SagaState, SagaWait};
use ballet_ops::terminal::lanes::{self, LaneEvent as Event};
use ballet_ops::terminal::{Table, plain};
use ballet_store::operators::compensations_by_hand::CompensationByHand;
use ballet_store::operators::interventions::{Act, Intervention};
use ballet_store::operators::stopped_sagas::StoppedSaga;
use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::base::exit::{ExitStatus, usage};
use crate::base::options::GlobalOptions;
use crate::base::systems::{services, system};
use crate::base::ui::{self, Output};
use crate::operator::dead_letters;
use crate::operator::sagas::open_state::{hindered, hindrance_text, open_state, style};
use crate::operator::sagas::saga_name::SagaName;
use crate::operator::sagas::versions;
use crate::operator::sagas::waits::{self, warn_of};

pub(super) const EXAMPLES: &str = "\
Examples:
  ballet sagas show 0193f7a0-0001-7000-8000-000000000001
  ballet sagas show order=0193f7a0-0001-7000-8000-000000000001
  ballet sagas show tracking=TRACK-17

The keys are those of the contracts: ballet catalog EVENT shows which field is which key.";

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The saga's id, which is the correlation id of its events, or one of its business keys: `order=ABC`
    #[arg(value_name = "ID|KEY=VALUE")]
    saga: SagaName,
}

pub(super) async fn run(args: &Args, options: &GlobalOptions) -> Result<ExitStatus> {
    let saga = args.saga.find_one(options).await?;
    let mut done = ExitStatus::All;
    let dead_letters = match dead_letters(Some(saga), options).await {
        Ok(dead_letters) => dead_letters,
        Err(error) => {
            ui::note(&format!("dead letters are not shown: {error:#}"));
            done = ExitStatus::Partly;
            Vec::new()
        }
    };
    let hindrances = hindered(options).await?;
    let (graph, mut shown) = look(saga, options).await?;
    let now = shown.now.unwrap_or_default();
    dead_letters.iter().for_each(|letter| add_dead_letter(&mut shown.waits, letter, now));
    warn_of(&shown.away);
    if !shown.away.is_empty() {
        done = ExitStatus::Partly;
    }
    if is_known_to(&shown) {
        show(saga, &shown, &hindrances, &graph, options);
    } else if done == ExitStatus::All {
        return Err(usage(format!(
            "no service has recorded anything of saga {saga}. If it is new, its first event may still \
             wait in a queue; is the id right?"
        )));
    }
    Ok(done)
}

async fn look(saga: Uuid, options: &GlobalOptions) -> Result<(Graph, SagaDetails)> {
    let databases = options.databases(&services()?)?;
    let system = system()?;
    let shown = sagas::show(system, &databases, saga).await;
    Ok((Graph::new(system.clone()), shown))
}

/// Whether a service has recorded something of the saga, if only that its first event was discarded.
const fn is_known_to(shown: &SagaDetails) -> bool {
    has_begun(shown) || !shown.interventions.is_empty()
}

const fn has_begun(shown: &SagaDetails) -> bool {
    !shown.events.is_empty() || !shown.waits.is_empty()
}

/// Reads the dead letters of a saga, or all.
pub(super) async fn dead_letters(
    saga: Option<Uuid>,
    options: &GlobalOptions,
) -> Result<Vec<DeadLetter>> {
    let filter =
        DeadLetterFilter { saga: saga.map(|saga| saga.to_string()), ..DeadLetterFilter::default() };
    let mut found = Vec::new();
    dead_letters::read(options, &[], &filter, |letter| found.push(letter)).await?;
    Ok(found)
}

/// No table of a service explains a dead letter.
pub(super) fn add_dead_letter(waits: &mut Vec<SagaWait>, letter: &DeadLetter, now: Timestamp) {
    let detail = letter.detail.as_deref().unwrap_or(&letter.reason);
    let why = Some(detail.to_owned());
    let known = waits
        .iter_mut()
        .find(|wait| wait.service == letter.service && wait.event_type == letter.event_type);
    match known {
        // The service has recorded the failure of its handler.
        Some(wait) if wait.is_dead => {}
        Some(wait) => (wait.why, wait.is_dead) = (why, true),
        None => {
            let event = letter.event_type.as_deref().unwrap_or("a message without a type");
            waits.push(SagaWait {
                service: letter.service.clone(),
                what: format!("has not handled {event}"),
                event_type: letter.event_type.clone(),
                step: None,
                stays_open: false,
                since: letter.dead_at.unwrap_or(now),
                why,
                is_silent: false,
                is_dead: true,
                next_at: None,
            });
        }
    }
}

fn show(
    saga: Uuid,
    shown: &SagaDetails,
    hindrances: &[Hindrance],
    graph: &Graph,
    options: &GlobalOptions,
) {
    let SagaDetails { events, waits, deadline, .. } = shown;
    if options.output != Output::Table {
        ui::print_json(options.output, [as_json(saga, shown, hindrances)]);
        return;
    }
    let now = shown.now.unwrap_or_else(|| options.clock.now());
    let stands = open_state(waits, *deadline, hindrances, now);
    let state = match stands {
        None if !has_begun(shown) => "has not begun".to_owned(),
        None => ui::green("finished"),
        Some((state, _)) => style(state).apply_to(state).to_string(),
    };
    let begun = events.first().map(|event| format!(", began {} ago", ui::ago(Some(event.at), now)));
    let versions = versions::text(&shown.versions);
    ui::print(&format!("saga {saga}  {state}{}{versions}", begun.unwrap_or_default()));
    if let Some((_, Some(hindrance))) = stands {
        ui::print(&plain(&format!("blocked by {}", hindrance_text(hindrance))));
    }
    if !events.is_empty() {
        let event = |happened: &SagaEvent| happened.at.as_millisecond();
        let events: Vec<Event<'_>> = events
            .iter()
            .map(|happened| Event {
                millis: event(happened),
                publisher: &happened.service,
                event_type: &happened.event_type,
                body: &happened.body,
            })
            .collect();
        ui::print(lanes::draw(graph, &events).trim_end());
    }
    if !(shown.solved.is_empty() && shown.stopped.is_empty() && shown.interventions.is_empty()) {
        ui::print("");
    }
    for (service, Intervention { at, act, message_id, event_type, by, why, .. }) in
        &shown.interventions
    {
        let what = match event_type {
            Some(event_type) => event_type,
            None if act == Act::Answered.name() => "a call to the outside",
            None => "a message without a type",
        };
        let id = id::short(message_id.to_string());
        let ago = ui::ago(Some(*at), now);
        let why = why.as_ref().map_or_else(String::new, |why| format!(": {why}"));
        let said = format!("{what} ({id}) of {service}: {act} by {by} {ago} ago{why}");
        ui::print(&plain(&said));
    }
    for StoppedSaga { saga, by, why, at } in &shown.stopped {
        let ago = ui::ago(Some(*at), now);
        ui::print(&plain(&format!("{saga} stopped by {by} {ago} ago: {why}")));
    }
    for (service, CompensationByHand { step, key, by, why, at, .. }) in &shown.solved {
        let key = if key.is_empty() { String::new() } else { format!(" {key}") };
        let ago = ui::ago(Some(*at), now);
        let said = format!("{step}{key} of {service}: solved by hand by {by} {ago} ago: {why}");
        ui::print(&plain(&said));
    }
    if !waits.is_empty() {
        let mut table = Table::new(waits::HEADER);
        waits.iter().for_each(|wait| table.row(waits::cells(wait, None, now)));
        ui::print("");
        ui::show(&table);
    }
    if let Some(deadline) = deadline {
        let words = if *deadline > now {
            format!("passes in {}", ui::ago(Some(now), *deadline))
        } else {
            format!("passed {} ago", ui::ago(Some(*deadline), now))
        };
        ui::print(&format!("\nits deadline {words}"));
    }
    if waits.iter().any(|wait| wait.is_dead) {
        ui::say(&format!("send its dead letters back: {} dlq redrive --saga {saga}", ui::ballet()));
    }
}

fn as_json(saga: Uuid, shown: &SagaDetails, hindrances: &[Hindrance]) -> Value {
    let event = |happened: &SagaEvent| {
        json!({
            "at": happened.at.to_string(), "service": happened.service,
            "event": happened.event_type, "body": happened.body,
        })
    };
    let solved = |(service, solved): &(String, CompensationByHand)| {
        json!({
            "service": service, "step": solved.step, "key": solved.key, "by": solved.by,
            "why": solved.why, "at": solved.at.to_string(), "last_error": solved.last_error,
        })
    };
    let act = |(service, one): &(String, Intervention)| {
        json!({
            "service": service, "act": one.act, "message_id": one.message_id,
            "event": one.event_type, "by": one.by, "why": one.why, "at": one.at.to_string(),
        })
    };
    let stopped = |stopped: &StoppedSaga| {
        let StoppedSaga { saga, by, why, at } = stopped;
        json!({ "saga": saga, "by": by, "why": why, "at": at.to_string() })
    };
    let stands =
        shown.now.and_then(|now| open_state(&shown.waits, shown.deadline, hindrances, now));
    let (state, hindrance) = stands.unzip();
    json!({
        "state": state.map(SagaState::as_str), "hindered_by": hindrance.flatten().map(hindrance_text),
        "saga": saga, "open": !shown.waits.is_empty(), "versions": versions::json(&shown.versions),
        "events": shown.events.iter().map(event).collect::<Vec<_>>(),
        "waits": shown.waits.iter().map(waits::json).collect::<Vec<_>>(),
        "stopped": shown.stopped.iter().map(stopped).collect::<Vec<_>>(),
        "interventions": shown.interventions.iter().map(act).collect::<Vec<_>>(),
        "solved": shown.solved.iter().map(solved).collect::<Vec<_>>(),
        "deadline": shown.deadline.map(|at| at.to_string()), "away": shown.away,
    })
}
