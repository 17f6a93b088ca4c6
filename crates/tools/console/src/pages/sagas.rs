//! The list of sagas: a search box, filters in the address, stuck ones first.

use ballet_ops::sagas::SagaState;
use jiff::Timestamp;
use maud::{Markup, html};

use crate::contract_index::ContractIndex;
use crate::pages::forms::choice;
use crate::pages::remedy::remedy;
use crate::pages::words::{address, ago, event, saga, since, state};
use crate::store::saga_row::SagaRow;
use crate::store::search::SagaList;

pub(crate) const PER_PAGE: i64 = 50;

const LONGEST: usize = 500;

#[derive(Debug, Clone, Default, serde::Deserialize)]
pub(crate) struct SagasQuery {
    #[serde(default)]
    pub(crate) q: String,
    #[serde(default)]
    pub(crate) state: String,
    #[serde(default)]
    pub(crate) saga: String,
    #[serde(default)]
    pub(crate) service: String,
    #[serde(default)]
    pub(crate) step: String,
    #[serde(default)]
    pub(crate) reason: String,
    #[serde(default)]
    pub(crate) cause: String,
    /// Such as `10m`, `2h`, `3d`.
    #[serde(default)]
    pub(crate) age: String,
    #[serde(default)]
    pub(crate) page: u16,
}

const AGES: [(&str, &str); 6] = [
    ("", "any age"),
    ("1m", "over a minute"),
    ("10m", "over 10 minutes"),
    ("1h", "over an hour"),
    ("1d", "over a day"),
    ("7d", "over a week"),
];

impl SagasQuery {
    /// Returns the query without characters and lengths that a database or a page cannot carry.
    pub(crate) fn cleaned(self) -> Self {
        let clean = |text: String| -> String {
            text.trim().chars().filter(|c| *c != '\0').take(LONGEST).collect()
        };
        let Self { q, state, saga, service, step, reason, cause, age, page } = self;
        let [q, state, saga, service] = [q, state, saga, service].map(clean);
        let [step, reason, cause, age] = [step, reason, cause, age].map(clean);
        Self { q, state, saga, service, step, reason, cause, age, page }
    }

    fn remedy(&self) -> Option<Markup> {
        let given = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let state = SagaState::parse(&self.state)?;
        remedy(
            state,
            &given(&self.service)?,
            given(&self.reason).as_deref(),
            given(&self.cause).as_deref(),
        )
    }

    fn address(&self, page: u16) -> String {
        let page = if page > 0 { page.to_string() } else { String::new() };
        let fields = [
            ("q", &*self.q),
            ("state", &self.state),
            ("saga", &self.saga),
            ("service", &self.service),
            ("step", &self.step),
            ("reason", &self.reason),
            ("cause", &self.cause),
            ("age", &self.age),
            ("page", &page),
        ];
        address("/sagas", &fields)
    }
}

pub(crate) fn sagas(
    contract_index: &ContractIndex,
    asked: &SagasQuery,
    listed: &SagaList,
    has_more: bool,
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
            @if asked.address(0) != "/sagas?" { a.clear href="/sagas" { "clear" } }
        }
        @if let Some(remedy) = asked.remedy() { (remedy) }
        @if listed.has_others {
            p.quiet role="status" { "Many sagas have this text, and only some of them are looked at: type more of it to see "
                "the others." }
        }
        @if listed.found.is_empty() { (nothing(asked)) } @else {
            ol.rows { @for one in &listed.found { (row(one, now)) } }
        }
        nav.pages aria-label="Pages of the list" {
            @if asked.page > 0 { a href=(asked.address(asked.page - 1)) rel="prev" { "← before" } }
            @if has_more { a href=(asked.address(asked.page.saturating_add(1))) rel="next" { "more →" } }
        }
    }
}

fn nothing(asked: &SagasQuery) -> Markup {
    let is_all = asked.address(0) == "/sagas?";
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
