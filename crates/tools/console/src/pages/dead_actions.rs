//! Actions on dead letters: selection, dry run, and form.

use ballet_core::topology::UNROUTED;
use ballet_ops::redrive::DeadLetterPlan;
use ballet_ops::words::grouped;
use jiff::Timestamp;
use maud::{Markup, html};

use crate::pages::forms::why;
use crate::pages::letter::Letter;
use crate::pages::letter_selection::LetterSelection;
use crate::pages::words::{ago, event};

pub(crate) fn act(meant: &LetterSelection, plan: &DeadLetterPlan, now: Timestamp) -> Markup {
    let (whole, unsendable) = (plan.dead_letters(), plan.unsendable());
    let to_send = whole - unsendable;
    let is_unrouted = meant.service == UNROUTED;
    let direction = if is_unrouted { "on" } else { "back" };
    html! {
        p.crumb { a href="/dead-letters" { "Dead letters" } }
        h1 dir="auto" { (grouped(whole)) " " (meant.words(plan.groups().all().next().map(|(key, _)| key))) }
        @if whole == 0 {
            p.calm { "None is like that any more." }
        } @else {
            section {
                h2 { "Which they are" }
                ul.rows { @for (key, group) in plan.groups().all() { li.row.stuck {
                    div.first dir="auto" {
                        span.count { (grouped(group.count)) } " "
                        @if let Some(name) = &key.event_type { (event(name)) } @else { "no type" }
                        @if let Some(step) = &key.step { " in " code { (step) } }
                        " · " (key.reason)
                        @if key.is_edited { " · edited" }
                    }
                    @if let Some(detail) = &group.detail { div.detail dir="auto" { (detail) } }
                    div.when { @if let Some(last) = group.last { "the last " (ago(last, now)) } }
                } } }
                @if unsendable > 0 {
                    p.away { (grouped(unsendable)) " of them cannot be sent: forged, so that nobody could tell any more whose word it is, or consumed by no \
                        service. They can be discarded." }
                }
                @if plan.renamed() > 0 {
                    p { (grouped(plan.renamed())) " get a new message id, because services refuse ids that are this old; the old one is kept in "
                        code { "x-original-message-id" } "." }
                }
                @if plan.beyond_memory() > 0 {
                    p.away { (grouped(plan.beyond_memory())) " are older than the inbox remembers, and no ledger of a step knows whether they were \
                        handled: a projection might handle them twice. `ballet dlq redrive --beyond-memory` sends them, too." }
                }
            }
            div.choice {
                @if to_send > 0 { form.act method="post" action="/dead-letters/act" {
                    (meant.hidden())
                    h2 { "Send them " (direction) }
                    (why(&format!("Why are they sent {direction}?")))
                    button type="submit" name="act" value="redrive" { "Send " (grouped(to_send)) " " (direction) }
                } }
                form.act method="post" action="/dead-letters/act" {
                    (meant.hidden())
                    h2 { "Discard them" }
                    p.quiet { "First they are written to a file, where the console runs. A saga that one of them would have begun is then aborted; one that is under \
                        way goes on as if this service had never had it." }
                    (why("Why are they discarded?"))
                    label { "Type " (whole) " to be sure" input name="sure" required inputmode="numeric" autocomplete="off" pattern=(whole); }
                    button.danger type="submit" name="act" value="discard" { "Discard " (grouped(whole)) }
                }
            }
        }
    }
}

/// `faults` are those of the typed body.
pub(crate) fn edit(letter: &Letter, body: &str, faults: &[String]) -> Markup {
    let at = letter.address();
    html! {
        p.crumb { a href="/dead-letters" { "Dead letters" } " / " a href=(at) { (letter.dead.id) } }
        h1 { "Another body for a dead letter" }
        @if !faults.is_empty() {
            div.outcome.failed role="alert" {
                p { strong { "It does not fit the contract. Nothing was changed." } }
                ul { @for fault in faults { li dir="auto" { (fault) } } }
            }
        }
        form.act method="post" action={ (at) "/edit" } {
            input type="hidden" name="seen" value=(letter.seen.join(" "));
            label { "The body" textarea name="body" rows="18" spellcheck="false" dir="auto" required { (body) } }
            p.quiet { "What is about a person is masked: type the values in place of the masks. The old body stays in the journal." }
            (why("Why is it changed?"))
            button type="submit" { "Take the new body" }
        }
    }
}
