//! The list of sagas: a search box, filters in the address, stuck ones first.

use ballet_ops::sagas::SagaState;
use jiff::Timestamp;
use maud::{Markup, html};

use crate::contract_index::ContractIndex;
use crate::pages::forms::choice;
use crate::pages::remedy::remedy;
use crate::pages::words::{address, ago, event, saga, since, state};
use crate::store::saga_row::SagaRow;
use crate::store::search::{SagaFilter, SagaList};

pub(crate) const PER_PAGE: i64 = 50;

const AGES: [(&str, &str); 6] = [
    ("", "any age"),
    ("1m", "over a minute"),
    ("10m", "over 10 minutes"),
    ("1h", "over an hour"),
    ("1d", "over a day"),
    ("7d", "over a week"),
];

fn remedy_of(asked: &SagaFilter) -> Option<Markup> {
    let given = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let state = SagaState::parse(&asked.state)?;
    let (reason, cause) = (given(&asked.reason), given(&asked.cause));
    remedy(state, &given(&asked.service)?, reason.as_deref(), cause.as_deref())
}

fn address_of(asked: &SagaFilter, page: u16) -> String {
    let page = if page > 0 { page.to_string() } else { String::new() };
    let fields = [
        ("q", &*asked.q),
        ("state", &asked.state),
        ("saga", &asked.saga),
        ("service", &asked.service),
        ("step", &asked.step),
        ("reason", &asked.reason),
        ("cause", &asked.cause),
        ("age", &asked.age),
        ("page", &page),
    ];
    address("/sagas", &fields)
}

pub(crate) fn sagas(
    contract_index: &ContractIndex,
    asked: &SagaFilter,
    listed: &SagaList,
    now: Timestamp,
) -> Markup {
    html! {
        h1 { "Sagas" }
        form.search role="search" method="get" action="/sagas" {
            input.q type="search" name="q" value=(asked.q) dir="auto" aria-label="Search"
                placeholder="An id or its last digits, a business key, a part of an error";
            (choice("state", "any state", SagaState::ALL.map(SagaState::as_str), &asked.state))
            (choice("saga", "any saga", contract_index.graph.sagas(), &asked.saga))
            (choice("service", "any service", contract_index.services(), &asked.service))
            select name="age" aria-label="age" {
                @for (value, name) in AGES { option value=(value) selected[value == asked.age] { (name) } }
            }
            @for (name, value) in [("step", &asked.step), ("reason", &asked.reason), ("cause", &asked.cause)] {
                @if !value.is_empty() {
                    label.chip { input type="checkbox" name=(name) value=(value) checked; (name) ": " (value) }
                }
            }
            button type="submit" { "Search" }
            @if address_of(asked, 0) != "/sagas?" { a.clear href="/sagas" { "clear" } }
        }
        @if let Some(remedy) = remedy_of(asked) { (remedy) }
        @if listed.has_others {
            p.quiet role="status" { "Many sagas have this text, and only some of them are looked at: type more of it to see "
                "the others." }
        }
        @if listed.found.is_empty() { (nothing(asked)) } @else {
            ol.rows { @for one in &listed.found { (row(one, now)) } }
        }
        nav.pages aria-label="Pages of the list" {
            @if asked.page > 0 { a href=(address_of(asked, asked.page - 1)) rel="prev" { "← before" } }
            @if listed.has_more { a href=(address_of(asked, asked.page + 1)) rel="next" { "more →" } }
        }
    }
}

fn nothing(asked: &SagaFilter) -> Markup {
    let is_all = address_of(asked, 0) == "/sagas?";
    html! {
        div.empty {
            @if is_all {
                p { "No saga has been seen yet." }
                p.quiet { "They appear here as soon as an event of one is in the journal." }
            } @else {
                p { "No saga is like that." }
                p.quiet { "A business key is found by its beginning, an id also by its last digits, an error by any "
                    "part of three characters or more." }
            }
        }
    }
}

pub(crate) fn row(one: &SagaRow, now: Timestamp) -> Markup {
    html! {
        li.row.(one.state.as_str()) {
            div.first { (state(one.state)) " " (saga(one.id)) " "
                span.quiet { (one.names.join(", ")) } }
            div.what {
                @if let (Some(service), Some(what)) = (&one.service, &one.what) {
                    strong { (service) } " " (what)
                    @if let Some(step) = &one.step {
                        @if one.state.is_open() { span.quiet { " · " code { (step) } } } @else { " " code { (step) } }
                    }
                } @else { "last " (event(&one.last_type)) }
            }
            @if let Some(detail) = &one.detail { div.detail dir="auto" { (detail) } }
            div.when {
                @if let Some(at) = one.since { "for " (since(at, now)) } @else { (ago(one.last_at, now)) }
                span.quiet { " · began " (ago(one.began, now)) }
            }
        }
    }
}
