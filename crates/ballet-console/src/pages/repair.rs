//! The repair of the topology: what would be done, and the form that does it.

use maud::{Markup, html};

use crate::pages::forms::{token, why};
use crate::pages::layout::Person;

/// Shows what would be done, if that was looked up, with the form that does it.
pub(crate) fn repair(since: &str, found: Option<&[String]>, person: &Person) -> Markup {
    html! {
        p.crumb { a href="/services" { "Services" } }
        h1 { "Repair the topology" }
        p { "For a broker that has lost messages: creates the exchanges, queues, bindings and policies that are missing, and sends each \
            service what it has not got, from " code { "unrouted" } ", the journal and the ledgers, under the same ids." }
        form.act method="get" action="/repair" {
            label { "When the loss began, or a time before: an age such as 2h, or a time" input name="since" value=(since) required autocomplete="off"; }
            button type="submit" { "Look what would be done" }
        }
        @match found {
            None => {}
            Some([]) => { p.calm { span aria-hidden="true" { "✓ " } "Nothing is missing." } }
            Some(found) => {
                section {
                    h2 { "What would be mended and sent" }
                    ul { @for one in found { li dir="auto" { (one) } } }
                }
                form.act method="post" action="/repair" {
                    (token(person))
                    input type="hidden" name="since" value=(since);
                    (why("Why is it repaired?"))
                    button type="submit" { "Repair it" }
                }
            }
        }
    }
}
