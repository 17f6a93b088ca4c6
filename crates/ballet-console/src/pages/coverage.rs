//! The coverage of declared outcomes: those that have never occurred come first.

use ballet_ops::coverage::{Coverage, CoveragePoint};
use ballet_ops::words::grouped;
use jiff::Timestamp;
use maud::{Markup, html};

use crate::pages::words::{ago, event};

/// The windows, with their names in the address.
pub(crate) const WINDOWS: [(&str, &str); 5] = [
    ("", "all that was ever seen"),
    ("7d", "the last week"),
    ("1d", "the last day"),
    ("1h", "the last hour"),
    ("10m", "the last 10 minutes"),
];

/// Shows the page. `window` is its name in the address, and `away` says whose retries are not known.
pub(crate) fn coverage(
    coverage: &Coverage,
    window: &str,
    away: &[String],
    now: Timestamp,
) -> Markup {
    let (seen, all) = coverage.counted();
    let never =
        coverage.points.iter().filter(|point| point.seen.count == 0 && point.declared.counts());
    let never = never.count();
    html! {
        h1 { "Coverage" }
        form.search method="get" action="/coverage" {
            select name="window" aria-label="window" {
                @for (value, name) in WINDOWS { option value=(value) selected[value == window] { (name) } }
            }
            button type="submit" { "Show" }
        }
        p.covered { b { (coverage.percent()) " %" } " of what the contracts declare was seen: " (seen) " of " (all) "." }
        svg.bar viewBox="0 0 100 4" preserveAspectRatio="none" aria-hidden="true" {
            rect width=(coverage.percent()) height="4" {}
        }
        @if all == 0 {
            div.empty { p { "The contracts declare no saga." } }
        } @else if never == 0 {
            p.calm { span aria-hidden="true" { "✓ " } "All that is declared has run." }
        }
        @if all > 0 {
            p.quiet { "The same for CI: " code { "ballet coverage --min 90" } ". A retry needs a failure, so it does not count." }
            @for why in away { p.quiet dir="auto" { "Retries are not known: " (why) } }
            div.scroll tabindex="0" role="region" aria-label="What was seen" {
                table {
                    thead { tr { th scope="col" { "seen" } th scope="col" { "what" } th scope="col" { "of" }
                        th scope="col" { "saga" } th scope="col" { "event" } th scope="col" { "last" } } }
                    tbody { @for point in &coverage.points { (row(point, now)) } }
                }
            }
        }
    }
}

fn row(point: &CoveragePoint, now: Timestamp) -> Markup {
    let is_gap = point.seen.count == 0 && point.declared.counts();
    html! {
        tr.gap[is_gap] {
            td { @if point.seen.count == 0 { "never" } @else { (grouped(point.seen.count)) } }
            td { (point.declared) }
            td {
                @if let Some(step) = point.step {
                    a href={ "/sagas?service=" (point.service) "&step=" (step) } { code { (step) } }
                } @else { (point.saga) }
                " of " (point.service)
            }
            td { (point.saga) }
            td { @if let Some(name) = point.event { a href={ "/events/" (name) } { (event(name)) } } }
            td { @if let Some(at) = point.seen.last { (ago(at, now)) } }
        }
    }
}
