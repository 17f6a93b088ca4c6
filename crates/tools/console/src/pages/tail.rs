//! The live journal: the last entries, and new ones as they come.

use maud::{Markup, html};

use crate::access::role::BodySight;
use crate::contract_index::ContractIndex;
use crate::pages::body;
use crate::pages::forms::choice;
use crate::pages::words::{address, event, exact, saga};
use crate::store::entry_row::{EntryKind, EntryRow};
use crate::store::tail::TailFilter;

pub(crate) fn tail(
    contract_index: &ContractIndex,
    asked: &TailFilter,
    rows: &[EntryRow],
    sight: BodySight,
) -> Markup {
    let TailFilter { event_type, service, kind, saga } = asked;
    let fields = [("type", &**event_type), ("service", service), ("kind", kind), ("saga", saga)];
    let again = address("/tail", &fields);
    html! {
        h1 { "Tail" }
        form.search.filters method="get" action="/tail" {
            input name="type" value=(asked.event_type) placeholder="A part of the type" aria-label="type" dir="auto";
            (choice("service", "any service", contract_index.services(), &asked.service))
            (choice("kind", "everything", EntryKind::ALL.map(EntryKind::as_str), &asked.kind))
            input name="saga" value=(asked.saga) placeholder="A saga's id" aria-label="saga" dir="auto";
            button type="submit" { "Follow" }
        }
        p.quiet { "The last first. It goes on by itself; without scripts, " a href=(again) { "look again" } "." }
        ol.rows #tail data-live-adds aria-live="off" { @for row in rows.iter().rev() { (one(contract_index, row, sight)) } }
        @if rows.is_empty() { p.quiet { "Nothing like that is in the journal yet." } }
    }
}

fn one(contract_index: &ContractIndex, row: &EntryRow, sight: BodySight) -> Markup {
    html! {
        li.row.{ "tail-" (row.kind.as_str()) } id=(row.anchor()) {
            div.first dir="auto" { strong { (row.service) } " " (row.kind.as_str()) " " (event(&row.event_type)) }
            div.what {
                @if let Some(id) = row.saga { (saga(id)) }
                @if let Some(who) = &row.who { span.quiet dir="auto" { " by " (who) } }
            }
            @if let Some(detail) = &row.detail { div.detail dir="auto" { (detail) } }
            details { summary { "body" }
                (body::of_row(contract_index, row, sight)) }
            div.when { time datetime=(row.at) title=(exact(row.at)) { (row.at.strftime("%H:%M:%S%.3f")) } }
        }
    }
}
