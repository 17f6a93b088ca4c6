//! Tests of the judgement on made-up rows.

use ballet_core::{EventType, Part, SagaPart, StepKind, StepPart};
use ballet_store::ledger::entry::Entry;
use ballet_store::ledger::recorded::RecordedRow;

use super::*;
use crate::audit::ledger::{published, undecided, unfinished};
use crate::audit::published::{never_ending, never_published};

const PLACED: EventType = EventType::in_saga("orders.placed.v1");
const CANCELLED: EventType = EventType::in_saga("orders.cancelled.v1");
const RESERVED: EventType = EventType::in_saga("stock.reserved.v1");
const SHORT: EventType = EventType::in_saga("stock.short.v1");
const RELEASED: EventType = EventType::in_saga("stock.released.v1");
const DELIVERED: EventType = EventType::in_saga("stock.delivered.v1");
const LOST: EventType = EventType::in_saga("stock.lost.v1");
const CONFIRMED: EventType = EventType::in_saga("orders.confirmed.v1");

fn step(name: &'static str, kind: StepKind, on: &[EventType], done: EventType) -> StepPart {
    StepPart::new(name, kind, on.to_vec(), done)
}

/// Orders asks stock, and confirms when there is some. Stock has another saga, too.
fn system() -> System {
    let saga = |aborts_on, steps| SagaPart {
        abort: Some(CANCELLED),
        aborts_on,
        ..SagaPart::new("order", "orders", steps)
    };
    let reserve = StepPart {
        refused: Some(SHORT),
        compensated: Some(RELEASED),
        ..step("reserve", StepKind::Compensatable, &[PLACED], RESERVED)
    };
    let orders = saga(
        vec![SHORT],
        vec![
            step("place", StepKind::Origin, &[], PLACED),
            step("confirm", StepKind::Decision, &[RESERVED], CONFIRMED),
        ],
    );
    let stock = saga(Vec::new(), vec![reserve]);
    let deliver = step("deliver", StepKind::Compensatable, &[], DELIVERED);
    let delivery =
        SagaPart { saga: "delivery", abort: Some(LOST), ..saga(Vec::new(), vec![deliver]) };
    let part = |service, sagas| Part { service, sagas, ..Part::default() };
    let parts = vec![part("orders", vec![orders]), part("stock", vec![stock, delivery])];
    System { name: "shop", parts }
}

/// `done place orders.placed.v1`, or without an event; the tombstone is `aborted -`. The key, or the
/// tombstone's saga, comes last.
fn rows(lines: &[&str]) -> Vec<RecordedRow> {
    let row = |(line, ordinal): (&&str, i32)| {
        let mut words = line.split(' ');
        let mut next = || words.next().map(str::to_owned);
        let entry = next().as_deref().and_then(Entry::parse).expect("an entry");
        let step = next().filter(|step| step != "-").unwrap_or_default();
        let (arrived, recorded_at) = (String::new(), Timestamp::UNIX_EPOCH);
        let (event_type, key) = (next(), next().unwrap_or_default());
        RecordedRow { step, key, entry, arrived, ordinal, event_type, recorded_at }
    };
    lines.iter().zip(0..).map(row).collect()
}

/// Judges one saga, given the rows of both services.
fn judged(orders: &[&str], stock: &[&str], pending: &Pending, broker: &BrokerSnapshot) -> Report {
    let mut report = Report::default();
    let pending = BTreeMap::from([("stock", pending.clone())]);
    let rows = BTreeMap::from([("orders", rows(orders)), ("stock", rows(stock))]);
    let system = system();
    let judge = Judge::new(&system, broker, &pending, Timestamp::UNIX_EPOCH, SignedDuration::ZERO);
    judge.system(&mut report);
    judge.saga(Uuid::nil(), &rows, &mut report);
    report
}

fn undisturbed(orders: &[&str], stock: &[&str]) -> Report {
    judged(orders, stock, &Pending::default(), &BrokerSnapshot::default())
}

const PLACE: &str = "done place orders.placed.v1";
const RESERVE: &str = "done reserve stock.reserved.v1";
const ABORT: &str = "aborted - orders.cancelled.v1";

#[test]
fn finished_sagas_are_quiescent() {
    let confirmed = undisturbed(&[PLACE, "done confirm orders.confirmed.v1"], &[RESERVE]);
    let refused = undisturbed(&[PLACE, ABORT], &["refused reserve stock.short.v1", ABORT]);
    let undone =
        undisturbed(&[PLACE, ABORT], &[RESERVE, ABORT, "undone reserve stock.released.v1"]);
    let early = undisturbed(&[PLACE, ABORT], &[ABORT]);
    // The outcome of a call came after the abort, and was not published.
    let late = ["calling reserve", ABORT, RESERVE, "undone reserve stock.released.v1"];
    let late = undisturbed(&[PLACE, ABORT], &late);
    for report in [confirmed, refused, undone, early, late] {
        assert!(report.is_quiescent(), "{report}");
    }
}

#[test]
fn of_a_step_that_a_release_removed_only_what_has_not_ended_is_left() {
    let confirmed = [PLACE, "done confirm orders.confirmed.v1"];
    let ended: [&[&str]; 5] = [
        &["done reserve_v1 stock.reserved.v1"],
        &["calling reserve_v1", "done reserve_v1 stock.reserved.v1"],
        &["refused reserve_v1 stock.short.v1"],
        &["done reserve_v1", ABORT, "undone reserve_v1"],
        &["arrived reserve_v1", ABORT],
    ];
    for old in ended {
        let report = undisturbed(&confirmed, &[&[RESERVE], old].concat());
        assert!(!report.to_string().contains("reserve_v1, which"), "{old:?}: {report}");
    }
    let report = undisturbed(&confirmed, &[RESERVE, ended[0][0]]);
    assert!(report.is_quiescent(), "{report}");
    let open: [&[&str]; 5] = [
        &["done reserve_v1", ABORT],
        &["done reserve_v1", ABORT, "undoing reserve_v1"],
        &["calling reserve_v1"],
        &["calling reserve_v1", ABORT],
        &["arrived reserve_v1"],
    ];
    for old in open {
        let report = undisturbed(&confirmed, &[&[RESERVE], old].concat());
        assert!(report.to_string().contains("reserve_v1, which is not"), "{old:?}: {report}");
    }
    // Nobody undoes the step that began the saga.
    let aborted = undisturbed(&["done place_v1 orders.placed.v0", ABORT], &[ABORT]);
    assert!(aborted.is_quiescent(), "{aborted}");
}

#[test]
fn the_event_that_began_a_saga_under_a_removed_version_is_acted_on() {
    let mut system = system();
    system.parts[0].sagas[0].steps[0].on = vec![DELIVERED];
    let orders = |first: &str| rows(&[first, "done confirm orders.confirmed.v1"]);
    let has_acted = |rows: &[RecordedRow]| {
        let part = &system.parts[0];
        crate::audit::ledger::has_acted(part, &part.sagas[0], DELIVERED.name(), rows)
    };
    assert!(has_acted(&orders(PLACE)) && has_acted(&orders("done place_v1 orders.placed.v0")));
    assert!(!has_acted(&[]));
}

#[test]
fn what_was_done_long_ago_is_to_be_undone_since_its_abort() {
    let (mut rows, aborted) =
        (rows(&[RESERVE, ABORT]), Timestamp::UNIX_EPOCH + SignedDuration::from_hours(7));
    rows[1].recorded_at = aborted;
    let system = system();
    let left = unfinished(&system.parts[1], &rows, |_, _| false);
    assert_eq!(left.iter().map(|one| one.since).collect::<Vec<_>>(), [aborted]);
}

#[test]
fn a_saga_that_one_service_has_forgotten_is_not_lost() {
    let (system, pending, broker) = (system(), BTreeMap::new(), BrokerSnapshot::default());
    // Nobody undoes it any more, so `orders` remembers it for 90 days; `stock` does not know that.
    let rows = BTreeMap::from([("stock", rows(&[RESERVE]))]);
    let judged = |days: i64| {
        let now = Timestamp::UNIX_EPOCH + SignedDuration::from_hours(24 * days);
        let mut report = Report::default();
        let judge = Judge::new(&system, &broker, &pending, now, SignedDuration::ZERO);
        judge.saga(Uuid::nil(), &rows, &mut report);
        report
    };
    assert_eq!(judged(89).violations.len(), 1, "{}", judged(89));
    assert!(judged(91).is_quiescent(), "{}", judged(91));
}

#[test]
fn an_event_without_a_reaction_is_lost_unless_it_is_on_its_way() {
    let lost = undisturbed(&[PLACE], &[]);
    let nil = Uuid::nil();
    assert_eq!(
        lost.violations,
        [format!("saga {nil}: stock has not acted on orders.placed.v1, and nothing is on its way")]
    );
    for (count, wait) in [(1, "1 message waits in its queue"), (3, "3 messages wait in its queue")]
    {
        let queues = BTreeMap::from([("stock".to_owned(), count)]);
        let waits = BrokerSnapshot { queues, ..BrokerSnapshot::default() };
        let open = judged(&[PLACE], &[], &Pending::default(), &waits);
        assert!(open.is_clean(), "{open}");
        assert!(open.open.iter().any(|line| line.ends_with(wait)), "{open}");
    }
    let dead_letter = DeadLetterSnapshot {
        service: "stock".to_owned(),
        saga: Some(nil),
        event_type: "orders.placed.v1".to_owned(),
        reason: "failed: no such shelf".to_owned(),
    };
    let dead = BrokerSnapshot { dead_letters: vec![dead_letter], ..BrokerSnapshot::default() };
    let stuck = judged(&[PLACE], &[], &Pending::default(), &dead);
    assert!(stuck.is_clean() && stuck.open.is_empty(), "{stuck}");
    assert!(stuck.stuck.iter().any(|line| line.ends_with("no such shelf")), "{stuck}");
}

#[test]
fn a_refusal_that_is_the_abort_itself_is_one_event() {
    let system = system();
    let of = |lines: &[&str]| {
        let rows = rows(lines);
        published(&system.parts[0], &rows).into_iter().map(|row| row.step.clone()).collect()
    };
    let refused: Vec<String> = of(&["refused place orders.cancelled.v1", ABORT]);
    assert_eq!(refused, ["place"]);
    let aborted: Vec<String> = of(&[PLACE, ABORT]);
    assert_eq!(aborted, ["place", ""]);
}

#[test]
fn what_was_recorded_and_never_published_is_noticed_also_if_nobody_acts_on_it() {
    let system = system();
    let undo = "undone reserve stock.released.v1";
    let missing = |stock: &[&str], seen: &[&str]| {
        let rows = BTreeMap::from([("orders", rows(&[PLACE, ABORT])), ("stock", rows(stock))]);
        let seen = |event: &str| seen.iter().filter(|seen| **seen == event).count();
        never_published(&system, Uuid::nil(), &rows, seen)
    };
    let others = ["orders.placed.v1", "orders.cancelled.v1", "stock.reserved.v1"];
    let all = [&others[..], &["stock.released.v1"]].concat();
    assert_eq!(missing(&[RESERVE, ABORT, undo], &all), [""; 0]);
    let nil = Uuid::nil();
    let line = |rows: &str, seen: usize| {
        format!(
            "saga {nil}: stock has recorded stock.released.v1 in {rows}, and {seen} were published"
        )
    };
    assert_eq!(missing(&[RESERVE, ABORT, undo], &others), [line("1 row", 0)]);
    // Of a step with keys each has its own event.
    let keyed = [RESERVE, ABORT, undo, "undone reserve stock.released.v1 two"];
    assert_eq!(missing(&keyed, &all), [line("2 rows", 1)]);
    // An outcome that came after the abort is not published.
    assert_eq!(missing(&["calling reserve", ABORT, RESERVE, undo], &all[..2]), [line("1 row", 0)]);
    // What a ledger has forgotten is nobody's.
    assert_eq!(missing(&[], &others[..2]), [""; 0]);
}

#[test]
fn a_saga_that_is_begun_and_neither_decided_nor_aborted_never_ends() {
    let (system, nil) = (system(), Uuid::nil());
    let ending = |orders: &[&str]| {
        let rows = BTreeMap::from([("orders", rows(orders)), ("stock", rows(&[RESERVE]))]);
        never_ending(&system, nil, &rows)
    };
    assert_eq!(ending(&[PLACE]), [(nil, "orders".to_owned())]);
    assert_eq!(ending(&[PLACE, ABORT]), []);
    assert_eq!(ending(&[PLACE, "done confirm orders.confirmed.v1"]), []);
    // A release has removed the step that began it, and perhaps also the one that decided it.
    let old = "done place_v1 orders.placed.v0";
    assert_eq!(ending(&[old]), [(nil, "orders".to_owned())]);
    assert_eq!(ending(&[old, ABORT]), []);
    assert_eq!(ending(&[old, "done confirm orders.confirmed.v1"]), []);
    assert_eq!(ending(&[old, "done confirm_v1 orders.confirmed.v0"]), []);
    // Another removed step has not decided it, nor does one say that the owner began it.
    assert_eq!(ending(&[old, "done hold_v1 orders.held.v0"]), [(nil, "orders".to_owned())]);
    assert_eq!(ending(&["done note_v1 orders.noted.v1"]), []);
}

#[test]
fn of_two_sagas_with_one_id_only_that_which_a_removed_step_began_is_undecided() {
    let mut part = system().parts.remove(0);
    let steps = vec![
        step("ask_back", StepKind::Origin, &[], LOST),
        step("take_back", StepKind::Decision, &[RESERVED], DELIVERED),
    ];
    part.sagas.push(SagaPart::new("returns", "orders", steps));
    let old = "done place_v1 orders.placed.v0";
    let open = |last: &str| undecided(&part, &rows(&[old, last])).len();
    assert_eq!(open("done confirm orders.confirmed.v1"), 0);
    assert_eq!(open("aborted - orders.cancelled.v1 order"), 0);
}

#[test]
fn a_lost_abort_and_a_lost_refusal_are_seen() {
    assert!(
        undisturbed(&[PLACE, ABORT], &[RESERVE]).violations[0]
            .contains("acted on orders.cancelled")
    );
    let refused = undisturbed(&[PLACE], &["refused reserve stock.short.v1"]);
    assert!(refused.violations[0].contains("orders has not acted on stock.short"), "{refused}");
}

#[test]
fn a_call_is_open_while_it_is_in_the_table() {
    let lost = undisturbed(&[PLACE], &["calling reserve"]);
    assert!(lost.violations[0].contains("no table has"), "{lost}");
    let calls = vec![open_call(Some(Timestamp::UNIX_EPOCH))];
    let pending = Pending { calls, ..Pending::default() };
    let open = judged(&[PLACE], &["calling reserve"], &pending, &BrokerSnapshot::default());
    assert!(open.needs_nobody() && open.open[0].contains("after 2 attempts: 503"), "{open}");
}

fn open_call(next_at: Option<Timestamp>) -> OpenCall {
    OpenCall {
        saga: Uuid::nil(),
        step: "reserve".to_owned(),
        key: String::new(),
        undo: false,
        attempts: 2,
        last_error: Some("503".to_owned()),
        since: Timestamp::UNIX_EPOCH,
        next_at,
    }
}

#[test]
fn a_call_that_is_set_aside_needs_a_person() {
    let pending = Pending { calls: vec![open_call(None)], ..Pending::default() };
    let stuck = judged(&[PLACE], &["calling reserve"], &pending, &BrokerSnapshot::default());
    assert!(stuck.is_clean() && stuck.open.is_empty() && !stuck.needs_nobody(), "{stuck}");
    assert!(stuck.stuck[0].contains("after 2 attempts: 503; it is set aside"), "{stuck}");
    assert_eq!(stuck.unsettled, [(Uuid::nil(), true)].into());
    // So does what waits for it, unless its own message is on its way.
    let waits = |broker| judged(&[PLACE, ABORT], &["calling reserve"], &pending, &broker);
    let stuck = waits(BrokerSnapshot::default());
    assert!(stuck.stuck[1].contains("has not acted on orders.cancelled.v1"), "{stuck}");
    let queues = BTreeMap::from([("stock".to_owned(), 1)]);
    let open = waits(BrokerSnapshot { queues, ..BrokerSnapshot::default() });
    assert!(!open.needs_nobody() && open.open.len() == 2, "{open}");
}

#[test]
fn a_compensation_that_is_tried_again_is_on_its_way() {
    let left = |last_failure: Option<&str>, saga_id| Waiting {
        saga_id,
        step: "pack".to_owned(),
        next_at: Timestamp::UNIX_EPOCH,
        attempts: if last_failure.is_some() { 2 } else { 0 },
        last_failure: last_failure.map(str::to_owned),
    };
    let judged = |left| {
        let pending = Pending { compensations: vec![left], ..Pending::default() };
        judged(&[PLACE, ABORT], &[RESERVE, ABORT], &pending, &BrokerSnapshot::default())
    };
    let tried = judged(left(Some("it snows"), Uuid::nil()));
    assert!(tried.needs_nobody() && tried.open.len() == 1, "{tried}");
    let said = "stock goes on after pack with what is left to compensate, at 1970-01-01T00:00:00Z, \
                after 2 attempts: it snows";
    assert!(tried.open[0].ends_with(said), "{tried}");
    assert_eq!(tried.unsettled, [(Uuid::nil(), false)].into());
    let new = judged(left(None, Uuid::nil()));
    assert!(new.needs_nobody() && new.open[0].ends_with("at 1970-01-01T00:00:00Z"), "{new}");
    let other = judged(left(None, Uuid::max()));
    assert!(other.violations[0].contains("not undone it"), "{other}");
}

#[test]
fn a_contradiction_is_a_violation_even_while_something_is_on_its_way() {
    let undo = "undone reserve stock.released.v1";
    let busy = BrokerSnapshot {
        queues: BTreeMap::from([("stock".to_owned(), 1)]),
        ..BrokerSnapshot::default()
    };
    let cases: [(&[&str], &[&str], &str); 6] = [
        (&[PLACE, ABORT], &[ABORT, RESERVE], "took effect after the abort"),
        (&[PLACE, ABORT], &[ABORT, undo], "was never done"),
        (&[PLACE], &[RESERVE, undo], "nothing asked for that"),
        (&[PLACE], &[RESERVE, "refused reserve"], "both done and refused"),
        (&[PLACE, "done confirm", ABORT], &[ABORT], "has decided it"),
        (&[PLACE, ABORT], &[RESERVE, ABORT], "not undone it"),
    ];
    for (orders, stock, expected) in cases {
        let broker = if expected == "not undone it" { &BrokerSnapshot::default() } else { &busy };
        let report = judged(orders, stock, &Pending::default(), broker);
        assert!(report.violations.iter().any(|line| line.contains(expected)), "{report}");
    }
    let mut beside = rows(&[PLACE, RESERVE]);
    beside[1].ordinal = 0;
    let wrong = contradictions(&system().parts[0], &beside);
    assert!(wrong[0].contains("at once"), "{wrong:?}");
}

#[test]
fn undos_run_in_reverse() {
    let mut part = system().parts.remove(1);
    let second = step("pack", StepKind::Compensatable, &[RESERVED], CONFIRMED);
    part.sagas[0].steps.push(second);
    let order = |last: [&str; 2]| rows(&[RESERVE, "done pack", ABORT, last[0], last[1]]);
    let [pack, reserve] = ["undone pack", "undone reserve"];
    assert_eq!(contradictions(&part, &order([pack, reserve])), [""; 0]);
    let wrong = contradictions(&part, &order([reserve, pack]));
    assert_eq!(wrong, ["reserve is undone before the later pack"]);
}

#[test]
fn what_another_version_did_later_is_undone_first() {
    let part = system().parts.remove(1);
    let undone_last = |later: &str| {
        let [done, undone] = ["done", "undone"].map(|entry| format!("{entry} {later}"));
        let other = "aborted - stock.lost.v1 delivery";
        contradictions(&part, &rows(&[RESERVE, &done, ABORT, other, "undone reserve", &undone]))
    };
    assert_eq!(undone_last("paint"), ["reserve is undone before the later paint"]);
    // Sagas with one id are undone each in its own order.
    assert_eq!(undone_last("deliver"), [""; 0]);
}

#[test]
fn unpublished_and_unpublishable_events_are_named() {
    let event = Unpublished {
        saga: Some(Uuid::nil()),
        event_type: "stock.reserved.v1".to_owned(),
        since: Timestamp::UNIX_EPOCH,
    };
    let pending = Pending {
        unpublished: vec![event],
        unpublished_count: 1,
        unpublishable: vec![(None, "stock.huge.v1".to_owned(), "too big".to_owned())],
        ..Pending::default()
    };
    let report = judged(&[PLACE], &[RESERVE], &pending, &BrokerSnapshot::default());
    assert!(report.is_clean(), "{report}");
    assert!(report.open[0].starts_with("stock has unpublished events: 1;"), "{report}");
    assert!(report.open[1].ends_with("stock has not published stock.reserved.v1 yet"), "{report}");
    assert!(report.stuck[0].ends_with("too big"), "{report}");
}

#[test]
fn the_tombstone_of_another_saga_with_the_same_id_asks_for_nothing() {
    let other = "aborted - stock.lost.v1 delivery";
    let confirmed = undisturbed(&[PLACE, "done confirm orders.confirmed.v1"], &[RESERVE, other]);
    assert!(confirmed.is_quiescent(), "{confirmed}");
    // Nor does it stand for the abort of this one.
    let own = "aborted - orders.cancelled.v1 order";
    let missed = undisturbed(&[PLACE, own], &[other]);
    assert_eq!(missed.violations.len(), 2, "{missed}");
    let undone = [RESERVE, own, "undone reserve stock.released.v1", other];
    let undone = undisturbed(&[PLACE, own], &undone);
    assert!(undone.is_quiescent(), "{undone}");
}

#[test]
fn t179_a_tombstone_is_of_the_saga_that_it_names() {
    let system = system();
    let [of_order, of_delivery] = &system.parts[1].sagas[..] else { panic!("two") };
    let covers = |name: &str| {
        let row = &rows(&[&format!("aborted - orders.cancelled.v1 {name}")])[0];
        [of_order, of_delivery]
            .map(|saga| crate::audit::ledger::aborts(&system.parts[1], row, saga))
    };
    assert_eq!(covers(of_order.saga), [true, false]);
    assert_eq!(covers(of_delivery.saga), [false, true]);
    // Another version of the service wrote it.
    assert_eq!(covers("returns"), [true, true]);
}
