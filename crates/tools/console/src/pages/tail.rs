//! The live journal: the last entries, and new ones as they come.

use maud::{Markup, html};

use crate::access::role::BodySight;
use crate::contract_index::ContractIndex;
use crate::pages::body;
use crate::pages::forms::choice;
use crate::pages::words::{address, event, exact, saga};
use crate::store::entry_row::{EntryKind, EntryRow};

#[derive(Debug, Clone, Default, serde::Deserialize)]
pub(crate) struct TailQuery {
    #[serde(default, rename = "type")]
    pub(crate) event_type: String,
    #[serde(default)]
    pub(crate) service: String,
    #[serde(default)]
    pub(crate) kind: String,
    #[serde(default)]
    pub(crate) saga: String,
}

impl TailQuery {
    fn address(&self, page: &str) -> String {
        let Self { event_type, service, kind, saga } = self;
        let fields =
            [("type", &**event_type), ("service", service), ("kind", kind), ("saga", saga)];
        address(page, &fields)
    }
}

pub(crate) fn tail(
    contract_index: &ContractIndex,
    asked: &TailQuery,
    rows: &[EntryRow],
    sight: BodySight,
) -> Markup {
    html! {
        h1 { "Tail" }
        form.search.filters method="get" action="/tail" {
            input name="type" value=(asked.event_type) placeholder="A part of the type" aria-label="type" dir="auto";
            (choice("service", "any service", contract_index.services(), &asked.service))
            (choice("kind", "everything", EntryKind::ALL.map(EntryKind::as_str), &asked.kind))
            input name="saga" value=(asked.saga) placeholder="A saga's id" aria-label="saga" dir="auto";
            button type="submit" { "Follow" }
        }
        p.quiet { "The last first. It goes on by itself; without scripts, " a href=(asked.address("/tail")) { "look again" } "." }
        div data-live-from=(asked.address("/tail/live")) data-live-adds {
            ol.rows #tail aria-live="off" { @for row in rows.iter().rev() { (one(contract_index, row, sight)) } }
        }
        @if rows.is_empty() { p.quiet { "Nothing like that is in the journal yet." } }
    }
}

pub(crate) fn one(contract_index: &ContractIndex, row: &EntryRow, sight: BodySight) -> Markup {
    html! {
        li.row.{ "tail-" (row.kind.as_str()) } {
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
