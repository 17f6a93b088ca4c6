//! The topology's repair: dry run and form.

use maud::{Markup, html};

use crate::pages::forms::why;

pub(crate) fn repair(hours: u16, found: &[String]) -> Markup {
    html! {
        p.crumb { a href="/services" { "Services" } }
        h1 { "Repair the topology" }
        p { "For a broker that has lost messages: creates the exchanges, queues, bindings and policies that are missing, and sends each \
            service what it has not got, from " code { "unrouted" } ", the journal and the ledgers, under the same ids." }
        section {
            h2 { "What was found" }
            @if found.is_empty() { p.calm { span aria-hidden="true" { "✓ " } "Nothing." } }
            ul { @for one in found { li dir="auto" { (one) } } }
        }
        form.act method="get" action="/repair" {
            label { "Hours to look back: to a time before the loss" input name="hours" type="number" min="1" max="168" value=(hours) required; }
            button type="submit" { "Look again" }
        }
        @if !found.is_empty() {
            form.act method="post" action="/repair" {
                input type="hidden" name="hours" value=(hours);
                (why("Why is it repaired?"))
                button type="submit" { "Repair it" }
            }
        }
    }
}
