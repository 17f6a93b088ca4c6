//! Tests of the judgement on made-up rows.

use super::*;
use crate::audit::fixtures::{ABORT, PLACE, RESERVE, rows, system};

fn judged(
    orders: &[&str],
    stock: &[&str],
    pending: &PendingWork,
    broker: &BrokerSnapshot,
) -> Report {
    let mut report = Report::default();
    let pending = BTreeMap::from([("stock", pending.clone())]);
    let rows = BTreeMap::from([("orders", rows(orders)), ("stock", rows(stock))]);
    let system = system();
    let judge =
        SagaJudge::new(&system, broker, &pending, Timestamp::UNIX_EPOCH, SignedDuration::ZERO);
    judge.system(&mut report);
    judge.saga(Uuid::nil(), &rows, &mut report);
    report
}

fn undisturbed(orders: &[&str], stock: &[&str]) -> Report {
    judged(orders, stock, &PendingWork::default(), &BrokerSnapshot::default())
}

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
fn a_saga_that_one_service_has_forgotten_is_not_lost() {
    let (system, pending, broker) = (system(), BTreeMap::new(), BrokerSnapshot::default());
    // Nothing undoes it any more, so `orders` remembers it for 90 days, unknown to `stock`.
    let rows = BTreeMap::from([("stock", rows(&[RESERVE]))]);
    let judged = |days: i64| {
        let now = Timestamp::UNIX_EPOCH + SignedDuration::from_hours(24 * days);
        let mut report = Report::default();
        let judge = SagaJudge::new(&system, &broker, &pending, now, SignedDuration::ZERO);
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
        let open = judged(&[PLACE], &[], &PendingWork::default(), &waits);
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
    let stuck = judged(&[PLACE], &[], &PendingWork::default(), &dead);
    assert!(stuck.is_clean() && stuck.open.is_empty(), "{stuck}");
    assert!(stuck.stuck.iter().any(|line| line.ends_with("no such shelf")), "{stuck}");
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
    let pending = PendingWork { calls, ..PendingWork::default() };
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
    let pending = PendingWork { calls: vec![open_call(None)], ..PendingWork::default() };
    let stuck = judged(&[PLACE], &["calling reserve"], &pending, &BrokerSnapshot::default());
    assert!(stuck.is_clean() && stuck.open.is_empty() && !stuck.needs_nobody(), "{stuck}");
    assert!(stuck.stuck[0].contains("after 2 attempts: 503; it is set aside"), "{stuck}");
    assert_eq!(stuck.unsettled, [(Uuid::nil(), true)].into());
    // So does a service that waits for it, unless its own message is on its way.
    let waits = |broker| judged(&[PLACE, ABORT], &["calling reserve"], &pending, &broker);
    let stuck = waits(BrokerSnapshot::default());
    assert!(stuck.stuck[1].contains("has not acted on orders.cancelled.v1"), "{stuck}");
    let queues = BTreeMap::from([("stock".to_owned(), 1)]);
    let open = waits(BrokerSnapshot { queues, ..BrokerSnapshot::default() });
    assert!(!open.needs_nobody() && open.open.len() == 2, "{open}");
}

#[test]
fn a_compensation_that_is_tried_again_is_on_its_way() {
    let left = |last_failure: Option<&str>, saga_id| WaitingSaga {
        saga_id,
        step: "pack".to_owned(),
        next_at: Timestamp::UNIX_EPOCH,
        attempts: if last_failure.is_some() { 2 } else { 0 },
        last_failure: last_failure.map(str::to_owned),
    };
    let judged = |left| {
        let pending = PendingWork { compensations: vec![left], ..PendingWork::default() };
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
        let report = judged(orders, stock, &PendingWork::default(), broker);
        assert!(report.violations.iter().any(|line| line.contains(expected)), "{report}");
    }
    let mut beside = rows(&[PLACE, RESERVE]);
    beside[1].ordinal = 0;
    let wrong = contradictions(&system().parts[0], &beside);
    assert!(wrong[0].contains("at once"), "{wrong:?}");
}

#[test]
fn unpublished_and_unpublishable_events_are_named() {
    let event = UnpublishedEvent {
        saga: Some(Uuid::nil()),
        event_type: "stock.reserved.v1".to_owned(),
        since: Timestamp::UNIX_EPOCH,
    };
    let pending = PendingWork {
        unpublished: vec![event],
        unpublished_count: 1,
        unpublishable: vec![(None, "stock.huge.v1".to_owned(), "too big".to_owned())],
        ..PendingWork::default()
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
