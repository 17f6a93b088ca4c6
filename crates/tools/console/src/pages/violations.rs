//! What broke a property, and which declared steps have run.

use ballet_ops::monitor::{Property, StepCoverage};
use ballet_ops::words::grouped;
use jiff::Timestamp;
use maud::{Markup, html};

use crate::pages::words::{ago, event, saga};
use crate::store::violations::FoundViolation;

pub(crate) fn violations(found: &[FoundViolation], now: Timestamp) -> Markup {
    html! {
        @if !found.is_empty() {
            h2 { "What breaks a property, in the last day" }
            @for one in found { div.row.stuck {
                div.first {
                    strong { (one.property) } " " (event(&one.event_type))
                    span.quiet { " of " (one.service) ", entry " (one.entry) ", " (ago(one.at, now)) }
                }
                @if let Some(id) = one.saga { div { (saga(id)) } }
                div.what dir="auto" { (one.says) }
                div.detail { "Do: " (advice(&one.property)) }
            } }
        }
    }
}

fn advice(property: &str) -> &'static str {
    let known = Property::ALL.into_iter().find(|known| known.as_str() == property);
    known.map_or("", Property::advice)
}

const HEAD: [&str; 7] = ["step", "saga", "service", "done", "refused", "compensated", "never"];

/// In as far as the console has the counts of events.
pub(crate) fn coverage(steps: &[StepCoverage]) -> Markup {
    let missing = steps.iter().filter(|step| !step.never().is_empty()).count();
    let count = |count: Option<u64>| count.map_or("–".to_owned(), grouped);
    html! {
        section {
            h2 { "What ran of what is declared" }
            details {
                summary { (missing) " of " (steps.len()) " steps never ran, refused or were compensated, though they may" }
                table.services {
                    thead { tr { @for name in HEAD { th scope="col" { (name) } } } }
                    tbody { @for step in steps { tr {
                        th scope="row" { (step.step) }
                        td data-of=(HEAD[1]) { (step.saga) }
                        td data-of=(HEAD[2]) { (step.service) }
                        td data-of=(HEAD[3]) { (grouped(step.done)) }
                        td data-of=(HEAD[4]) { (count(step.refused)) }
                        td data-of=(HEAD[5]) { (count(step.compensated)) }
                        td data-of=(HEAD[6]) { (step.never().join(", ")) }
                    } } }
                }
            }
        }
    }
}
