//! Which declared steps have run, and the paths that no contract declares.

use ballet_ops::monitor::StepCoverage;
use ballet_ops::words::grouped;
use maud::{Markup, html};

use crate::pages::words::event;

const HEAD: [&str; 7] = ["step", "never", "saga", "service", "done", "refused", "compensated"];

/// A path is a cause, its event, and how often.
pub(crate) fn coverage(steps: &[StepCoverage], paths: &[(&str, &str, u64)]) -> Markup {
    let mut steps: Vec<&StepCoverage> = steps.iter().collect();
    steps.sort_by_key(|step| step.never().is_empty());
    let missing = steps.iter().filter(|step| !step.never().is_empty()).count();
    let count = |count: Option<u64>| count.map_or("–".to_owned(), grouped);
    html! {
        h1 { "Coverage" }
        p { (missing) " of " (steps.len()) " declared steps have never run, refused or been compensated, though they may." }
        table.services {
            thead { tr { @for name in HEAD { th scope="col" { (name) } } } }
            tbody { @for step in &steps { tr.(if step.never().is_empty() { "well" } else { "blocked" }) {
                th scope="row" { (step.step) }
                td data-of=(HEAD[1]) { @if !step.never().is_empty() { "never " (step.never().join(", never ")) } }
                td data-of=(HEAD[2]) { (step.saga) }
                td data-of=(HEAD[3]) { (step.service) }
                td data-of=(HEAD[4]) { (grouped(step.done)) }
                td data-of=(HEAD[5]) { (count(step.refused)) }
                td data-of=(HEAD[6]) { (count(step.compensated)) }
            } } }
        }
        section {
            h2 { "Paths that no contract declares" }
            @if paths.is_empty() { p.calm { span aria-hidden="true" { "✓ " } "None since this console was started." } }
            ul { @for (cause, caused, count) in paths {
                li { (event(cause)) " → " (event(caused)) span.quiet { " · " (grouped(*count)) } }
            } }
        }
    }
}
