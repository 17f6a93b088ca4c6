//! The demo's summary: the ends of the orders, and the invariants.

use std::collections::{BTreeMap, HashMap};

use crate::cases::in_event;
use anyhow::Result;
use ballet_terminal::lanes::{self, LaneEvent};
use ballet_terminal::{Cell, Table, columns};
use shop_events::orders::CancelReason;
use uuid::Uuid;

use crate::demo::orders::DemoOrders;
use crate::demo::quiescence::QuiescentShop;
use crate::demo::tap::Tap;
use crate::system::SERVICES;
use ballet_terminal::ui;
use ballet_trials::{CustomerSaga, End, Journal, JournalEvent};

/// The row of one kind of orders.
#[derive(Debug, Default)]
struct SummaryRow {
    placed: usize,
    completed: usize,
    compensated: usize,
    reasons: BTreeMap<String, usize>,
    /// Orders with an unexpected end.
    wrong: Vec<Uuid>,
}

/// Prints the summary. Returns whether everything held.
pub(crate) fn show(tap: &Tap, orders: &DemoOrders, quiescent: &QuiescentShop) -> Result<bool> {
    tap.journal(|journal| {
        let all = orders.all();
        let lines = lines(journal, &all);
        ui::print("");
        ui::print(&table(&lines));
        ui::print(&speed(journal, all.len(), quiescent));
        sagas(journal, orders);
        invariants(journal, &lines, quiescent)
    })
}

fn lines(
    journal: &Journal,
    orders: &HashMap<Uuid, CustomerSaga>,
) -> BTreeMap<&'static str, SummaryRow> {
    let mut lines: BTreeMap<&'static str, SummaryRow> = BTreeMap::new();
    for (id, order) in orders {
        let line = lines.entry(order.case).or_default();
        line.placed += 1;
        let ended = journal.ended(*id);
        match ended {
            Some(End::Completed) => line.completed += 1,
            Some(End::Aborted(reason)) => {
                line.compensated += 1;
                *line.reasons.entry(reason.clone()).or_default() += 1;
            }
            None => {}
        }
        if ended != Some(&order.end) {
            line.wrong.push(*id);
        }
    }
    lines
}

fn table(lines: &BTreeMap<&'static str, SummaryRow>) -> String {
    let header = ["what was ordered", "orders", "completed", "compensated", "for the reason"];
    let mut table = Table::new(header).right(1..=3);
    let count = |count: usize| if count == 0 { "·".to_owned() } else { count.to_string() };
    let mut sum = SummaryRow::default();
    let mut rows: Vec<_> = lines.iter().collect();
    // The ordinary kind first, then the others that are completed.
    rows.sort_by_key(|(name, line)| (line.compensated > 0, std::cmp::Reverse(line.placed), **name));
    for (name, line) in rows {
        let reasons: Vec<_> = line.reasons.keys().map(String::as_str).collect();
        let [placed, completed, compensated] =
            [line.placed, line.completed, line.compensated].map(count);
        let row = [(*name).to_owned(), placed, completed, compensated, reasons.join(", ")];
        table.row(row.map(Cell::from));
        sum.placed += line.placed;
        sum.completed += line.completed;
        sum.compensated += line.compensated;
    }
    let [placed, completed, compensated] = [sum.placed, sum.completed, sum.compensated].map(count);
    let sum = ["together".to_owned(), placed, completed, compensated, String::new()];
    table.row(sum.map(Cell::from));
    table.draw(columns())
}

fn speed(journal: &Journal, orders: usize, quiescent: &QuiescentShop) -> String {
    let mut seconds: HashMap<i64, usize> = HashMap::new();
    for millis in journal.end_times() {
        *seconds.entry(millis / 1000).or_default() += 1;
    }
    let busiest = seconds.values().max().copied().unwrap_or_default();
    format!(
        "{orders} orders and {} events in {:.1} s; in the busiest second {busiest} orders ended",
        journal.events,
        quiescent.took.as_secs_f64()
    )
}

/// Draws the orders that ran alone in the shop: one whose deadline passed, one that was completed, and one that was
/// compensated.
fn sagas(journal: &Journal, orders: &DemoOrders) {
    let graph = shop::graph();
    for id in orders.alone() {
        let title = match journal.ended(id) {
            Some(End::Completed) => "A completed order",
            Some(end) if *end == in_event(CancelReason::DeadlinePassed) => {
                "An order whose deadline has passed"
            }
            Some(End::Aborted(_)) => "A compensated order",
            None => "An open order",
        };
        ui::print(&format!("\n{} {}", ui::bold(title), ui::dim(&id.to_string())));
        let entries = journal.saga(id);
        let happened: Vec<_> = entries.iter().map(happened).collect();
        ui::print(lanes::draw(&graph, &happened, columns()).trim_end());
    }
}

fn happened(entry: &JournalEvent) -> LaneEvent<'_> {
    let JournalEvent { millis, publisher, name, body, .. } = entry;
    LaneEvent { millis: *millis, publisher, event_type: name, body }
}

/// Prints a line for each invariant. Returns whether all hold.
fn invariants(
    journal: &Journal,
    lines: &BTreeMap<&'static str, SummaryRow>,
    quiescent: &QuiescentShop,
) -> bool {
    let wrong: Vec<Uuid> = lines.values().flat_map(|line| line.wrong.iter().copied()).collect();
    let QuiescentShop { report, waiting, took: _ } = quiescent;
    let audited = &report.violations;
    let wrong: Vec<String> = wrong.iter().map(|id| format!("order {id} did not")).collect();
    ui::print(&format!("\n{}", ui::bold("What must hold")));
    let mut held = ui::rule("every order ended as it should, completed or compensated", &wrong);
    let unjudged: Vec<String> =
        [&report.open, &report.recent, &report.away].into_iter().flatten().cloned().collect();
    held &= ui::rule("no order is open in any service", &unjudged);
    held &= ui::rule("no queue holds a message, a dead letter or an unknown event", waiting);
    held &= ui::rule("no event became a dead letter on the way", &journal.dead_letters);
    if audited.is_empty() {
        for rule in [
            "stock: on hand + held + committed = received, and nothing is negative",
            "money: captured - refunded = the total of what was completed, here and at the provider",
            "a cancelled order holds no stock, no authorisation, no shipment",
            "nothing was done twice, although some events were sent twice",
            "each version of a product was published once, and the last is what catalog has",
            "a cart was checked out at most once, and its order has the prices that it showed",
            "every copy of a product is what catalog has",
        ] {
            ui::rule(rule, &[]);
        }
    }
    held & ui::rule(
        &format!(
            "the audit of {} rows in {} services and their ledgers",
            report.rows,
            SERVICES.len()
        ),
        audited,
    )
}
