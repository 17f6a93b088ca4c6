//! The page Now: open sagas and their causes, and the choreography with the sagas at each step. An open page gets only
//! the changed parts.

use ballet_check::lanes::{Mark, Marks, marked};
use ballet_ops::sagas::{Hindrance, SagaState};
use ballet_ops::standing::finding::Area;
use ballet_ops::words::grouped;
use jiff::Timestamp;
use maud::{Markup, PreEscaped, html};

use crate::contract_index::ContractIndex;
use crate::pages::remedy::remedy;
use crate::pages::standing::{PartsStanding, standing};
use crate::pages::violations::violations;
use crate::pages::words::{address, ago, event, sign, since, span, state};
use crate::store::counts::{CauseGroup, JournalProgress, SeenType};
use crate::store::violations::FoundViolation;

#[derive(Debug)]
pub(crate) struct NowPage {
    pub(crate) causes: Vec<CauseGroup>,
    pub(crate) types: Vec<SeenType>,
    pub(crate) rates: Vec<(String, i64)>,
    /// Sagas completed and aborted in the last hour.
    pub(crate) ended: (i64, i64),
    pub(crate) progress: JournalProgress,
    pub(crate) hindrances: Vec<Hindrance>,
    pub(crate) violations: Vec<FoundViolation>,
    pub(crate) standing: PartsStanding,
    pub(crate) at: Timestamp,
}

pub(crate) fn now(contract_index: &ContractIndex, now: &NowPage) -> Markup {
    // The drawing escapes its texts.
    let map = |saga: &str| {
        let marks = |service: &str, step: &str| marks(contract_index, now, service, step);
        PreEscaped(marked(&contract_index.graph, saga, &marks))
    };
    html! {
        h1.hidden { "Now" }
        div.now {
            div {
                div #standing data-live { (standing(&now.standing, &Area::ALL, now.at)) }
                div #numbers data-live { (numbers(now)) }
                div #causes data-live { (causes(now)) }
                div #violations data-live { (violations(&now.violations, now.at)) }
                p.legend {
                    @for one in [SagaState::Waiting, SagaState::Blocked, SagaState::Stuck] {
                        (state(one)) " " (means(one)) " "
                    }
                }
                (undeclared(contract_index, now))
            }
            div.maps { @for saga in contract_index.graph.sagas() { section.map {
                h2 { (saga) " " a.quiet href={ "/sagas?saga=" (saga) } { "its sagas" } }
                div.scroll tabindex="0" role="region" aria-label={ "The lanes of " (saga) } {
                    div id={ "map-" (saga) } data-live { (map(saga)) }
                }
            } } }
        }
    }
}

pub(crate) const fn means(state: SagaState) -> &'static str {
    match state {
        SagaState::Stuck => "a person has to act: a dead letter, or a step that is late.",
        SagaState::Blocked => {
            "the cause is known, and is not the saga's: it is named above, and they go on when it ends."
        }
        SagaState::Waiting => "something is due, and on time.",
        SagaState::Completed => "it has ended as it should.",
        SagaState::Aborted => "it has ended, and is undone.",
    }
}

fn count(now: &NowPage, state: SagaState) -> i64 {
    now.causes.iter().filter(|cause| cause.state == state).map(|cause| cause.count).sum()
}

fn numbers(now: &NowPage) -> Markup {
    let (completed, aborted) = now.ended;
    let rate: i64 = now.rates.iter().map(|(_, count)| count).sum();
    html! {
        ul.numbers {
            @for one in [SagaState::Stuck, SagaState::Blocked, SagaState::Waiting] {
                li.(one.as_str()).zero[count(now, one) == 0] {
                    a href={ "/sagas?state=" (one) } {
                        b { (grouped(count(now, one))) } span { span aria-hidden="true" { (sign(one)) } " " (one) }
                    }
                }
            }
            li { a href="/sagas?state=completed" { b { (grouped(completed)) } span { "completed in an hour" } } }
            li { a href="/sagas?state=aborted" { b { (grouped(aborted)) } span { "aborted in an hour" } } }
            li { div { b { (grouped(rate)) } span { "events in a minute" } } }
        }
        p.quiet {
            @if let Some(at) = now.progress.entry_at { "The last entry of the journal is " (span(now.at.duration_since(at))) " old." }
            @else { "The journal has no entry yet." }
            @for gap in &now.progress.gaps { " " (gap) "." }
        }
    }
}

/// Those that need a person come first.
fn causes(now: &NowPage) -> Markup {
    let most = now.causes.iter().map(|cause| cause.count).max().unwrap_or(1).max(1);
    let mut pressing: Vec<&CauseGroup> =
        now.causes.iter().filter(|cause| cause.state != SagaState::Waiting).take(20).collect();
    // The biggest, in an order independent of counts.
    pressing.sort_by_key(|CauseGroup { state, service, step, reason, cause, .. }| {
        (*state != SagaState::Stuck, service, step, reason, cause)
    });
    html! {
        @if pressing.is_empty() {
            p.calm { span aria-hidden="true" { "✓ " } "No saga hangs." }
        } @else {
            h2 { "What hangs, and why" }
            ol.causes {
                @for cause in pressing {
                    li.(cause.state.as_str()) {
                        a href=(sagas_of(cause)) {
                            span.count { (grouped(cause.count)) }
                            svg.bar viewBox="0 0 100 4" preserveAspectRatio="none" aria-hidden="true" {
                                rect width=(cause.count * 100 / most) height="4" {}
                            }
                            span.where {
                                (state(cause.state)) " in " strong { (cause.service.as_deref().unwrap_or("no service")) }
                                @if let Some(step) = &cause.step { " · " code { (step) } }
                                @if let Some(reason) = &cause.reason { " · " (reason) }
                            }
                            span.why dir="auto" { (why(cause, now)) }
                            @if let Some(at) = cause.since { span.quiet { "for " (since(at, now.at)) } }
                        }
                        @if let Some(remedy) = cause.service.as_deref().and_then(|service| {
                            remedy(cause.state, service, cause.reason.as_deref(), cause.cause.as_deref())
                        }) { (remedy) }
                    }
                }
            }
        }
    }
}

/// The hindrance, the error that they died of, or what they wait for.
fn why<'a>(cause: &'a CauseGroup, now: &'a NowPage) -> &'a str {
    let step = cause.step.as_deref();
    let hinders = |one: &&Hindrance| {
        cause.service.as_deref().is_some_and(|service| one.hinders(service, step))
    };
    let hindrance = now.hindrances.iter().find(hinders);
    let hindrance = hindrance.filter(|_| cause.state == SagaState::Blocked);
    let of_cause = || cause.detail.as_deref().or(cause.what.as_deref());
    hindrance.map(|one| &*one.why).or_else(of_cause).unwrap_or_default()
}

fn sagas_of(CauseGroup { state, service, step, reason, cause, .. }: &CauseGroup) -> String {
    let [service, step, reason, cause] =
        [service, step, reason, cause].map(|field| field.as_deref().unwrap_or_default());
    let fields = [
        ("state", state.as_str()),
        ("service", service),
        ("step", step),
        ("reason", reason),
        ("cause", cause),
    ];
    address("/sagas", &fields)
}

/// The open sagas there.
fn marks(contract_index: &ContractIndex, now: &NowPage, service: &str, step: &str) -> Marks {
    let of_state = |state: SagaState| {
        let here = now.causes.iter().filter(|cause| {
            cause.state == state
                && cause.service.as_deref() == Some(service)
                && cause.step.as_deref() == Some(step)
        });
        let count = here.map(|cause| cause.count).sum::<i64>();
        let count = u64::try_from(count).unwrap_or_default();
        (count > 0).then_some(Mark { class: state.as_str(), count, says: state.as_str() })
    };
    let parts = contract_index.system().parts.iter().filter(|part| part.service == service);
    let mut steps = parts.flat_map(|part| &part.sagas).flat_map(|saga| &saga.steps);
    let done = steps.find(|known| known.name == step).map(|step| step.done.name());
    let rate = now.rates.iter().find(|(name, _)| Some(&**name) == done);
    Marks {
        link: format!("/sagas?service={service}&step={step}"),
        rate: rate.map_or(String::new(), |(_, count)| format!("{count}/min")),
        marks: [SagaState::Waiting, SagaState::Blocked, SagaState::Stuck]
            .into_iter()
            .filter_map(of_state)
            .collect(),
    }
}

fn undeclared(contract_index: &ContractIndex, now: &NowPage) -> Markup {
    let foreign: Vec<&SeenType> =
        now.types.iter().filter(|seen| !contract_index.events.contains_key(&*seen.name)).collect();
    html! {
        @if !foreign.is_empty() {
            section {
                h2 { "Flows, but no contract declares it" }
                ul { @for seen in foreign.iter().take(50) {
                    li dir="auto" { (event(&seen.name)) span.quiet { " · " (grouped(seen.count)) ", the last " (ago(seen.last, now.at)) } }
                } }
            }
        }
    }
}
