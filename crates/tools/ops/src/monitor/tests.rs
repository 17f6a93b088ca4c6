//! Scenarios of the shop: each breaks one property, or nearly does.

use std::collections::HashMap;
use std::path::Path;
use std::sync::OnceLock;

use ballet_check::Contracts;
use ballet_core::System;
use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use super::*;
use crate::monitor::entry::{EntryKind, WatchedEntry};

const PATIENCE: SignedDuration = SignedDuration::from_mins(5);
const BEGIN: i64 = 1_800_000_000_000;
const NAMES: [(&str, &str); 20] = [
    ("product", "catalog.product_published.v1"),
    ("checkout", "cart.checked_out.v1"),
    ("placed", "orders.order_placed.v1"),
    ("confirmed", "orders.order_confirmed.v1"),
    ("completed", "orders.order_completed.v1"),
    ("cancelled", "orders.order_cancelled.v1"),
    ("reserved", "inventory.stock_reserved.v1"),
    ("no_stock", "inventory.stock_reservation_failed.v1"),
    ("released", "inventory.stock_released.v1"),
    ("committed", "inventory.stock_committed.v1"),
    ("authorized", "payments.payment_authorized.v1"),
    ("voided", "payments.payment_voided.v1"),
    ("captured", "payments.payment_captured.v1"),
    ("refunded", "payments.payment_refunded.v1"),
    ("scheduled", "shipping.shipment_scheduled.v1"),
    ("unscheduled", "shipping.shipment_cancelled.v1"),
    ("dispatched", "shipping.shipment_dispatched.v1"),
    ("delivered", "shipping.shipment_delivered.v1"),
    ("declined", "payments.payment_declined.v1"),
    ("unknown", "orders.order_packed.v1"),
];

fn shop() -> &'static System {
    static SHOP: OnceLock<Contracts> = OnceLock::new();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../docs/contracts/shop");
    SHOP.get_or_init(|| Contracts::read(&folder).expect("contracts")).system()
}

fn id(millis: i64, number: usize) -> Uuid {
    let millis = u128::try_from(millis).expect("a time");
    let number = u128::try_from(number).expect("a number");
    Uuid::from_u128((millis << 80) | (7 << 76) | (2 << 62) | number)
}

struct Scene {
    monitor: Monitor,
    ids: HashMap<String, (Uuid, i64)>,
    now: i64,
    offset: u64,
}

impl Scene {
    fn new() -> Self {
        let (ids, now) = (HashMap::new(), BEGIN);
        Self { monitor: Monitor::new(shop(), PATIENCE), ids, now, offset: 0 }
    }

    fn id(&mut self, name: &str) -> (Uuid, i64) {
        let (next, now) = (self.ids.len() + 1, self.now);
        *self.ids.entry(name.to_owned()).or_insert_with(|| (id(now, next), now))
    }

    /// A line is `ID EVENT [CAUSE] [by=SERVICE]`, each a second after the one before. `2.p` is of the saga 2. `+6m` lets
    /// time pass, up to which all was read, and `~6m` before more comes. `dead=SERVICE ID EVENT` and `searched=SERVICE` are entries of tools; `gap` is one.
    fn take(&mut self, line: &str) {
        self.now += 1_000;
        if line == "gap" {
            return self.monitor.gap();
        }
        if let Some(minutes) = line.strip_prefix(['+', '~']) {
            let minutes: i64 = minutes.trim_end_matches('m').parse().expect("minutes");
            self.now += minutes * 60_000;
            if line.starts_with('~') {
                return;
            }
            let now = Timestamp::from_millisecond(self.now).expect("a time");
            return self.monitor.has_read_all(now);
        }
        let mut words: Vec<&str> = line.split(' ').collect();
        let (mut kind, mut service) = (EntryKind::Event, None);
        for (prefix, of) in [("dead=", EntryKind::OfDeadLetter), ("searched=", EntryKind::Searched)]
        {
            if let Some(by) = words[0].strip_prefix(prefix) {
                (kind, service) = (of, Some(by));
            }
        }
        if service.is_some() {
            words.remove(0);
        }
        if let Some(by) = words.last().and_then(|last| last.strip_prefix("by=")) {
            service = Some(by);
            words.pop();
        }
        let name = words.first().copied().unwrap_or("note");
        let (message_id, at) = self.id(name);
        let saga = match name.split_once('.') {
            Some((saga, _)) => format!("saga {saga}"),
            None => "saga 1".to_owned(),
        };
        let saga = self.id(&saga).0;
        let event_type = words.get(1).map_or("", |short| {
            NAMES.iter().find(|(name, _)| name == short).expect("a known name").1
        });
        let cause = words.get(2).map(|cause| self.id(cause).0);
        let named = event_type.split('.').next();
        let offset = self.offset;
        self.offset += 1;
        self.monitor.take(&WatchedEntry {
            offset,
            at: Timestamp::from_millisecond(at).expect("a time"),
            kind,
            saga: Some(saga),
            event_type,
            service: service.or(named),
            message_id,
            cause,
        });
    }
}

/// Returns what is broken by the lines, which come some minutes after the monitor began.
fn broken(lines: &[&str]) -> Vec<(Property, String)> {
    let mut scene = Scene::new();
    scene.take("0.product product");
    scene.take("+3m");
    lines.iter().for_each(|line| scene.take(line));
    let found = scene.monitor.found();
    found.into_iter().map(|found| (found.property, format!("{found:?}"))).collect()
}

const WELL: [&str; 10] = [
    "p placed",
    "r reserved p",
    "a authorized r",
    "s scheduled a",
    "c captured s",
    "d confirmed c",
    "k committed d",
    "i dispatched d",
    "v delivered i",
    "z completed v",
];
/// Another order, with which all services show that they are alive.
const LATER: [&str; 4] =
    ["2.p placed", "2.r reserved 2.p", "2.a authorized 2.r", "2.s scheduled 2.a"];

fn with(begin: &[&'static str], then: &[&'static str]) -> Vec<&'static str> {
    [begin, then].concat()
}

#[test]
fn each_property_is_named_when_it_is_broken_and_not_when_it_nearly_is() {
    use Property::*;
    let aborted = ["p placed", "r reserved p", "x cancelled", "u released x"];
    for (says, lines, expected) in [
        ("a saga that ends well", with(&WELL, &["+6m"]), None),
        ("all of it twice", with(&WELL, &with(&WELL, &["+6m"])), None),
        ("an abort with its compensation", with(&aborted, &with(&["+6m"], &LATER)), None),
        ("another service's event", vec!["p placed by=cart"], Some(Publisher)),
        ("a declared producer's", vec!["1.o checkout by=storefront", "p placed 1.o"], None),
        ("a cause of another kind", vec!["p placed", "c captured p"], Some(Transition)),
        ("one of a join", vec!["p placed", "r reserved p", "a authorized p"], None),
        (
            "one message with two outcomes",
            vec!["p placed", "r reserved p", "q reserved p"],
            Some(OneOutcome),
        ),
        ("a copy", vec!["p placed", "r reserved p", "r reserved p", "+6m"], None),
        (
            "a service that repeats itself from a backup",
            vec!["p placed", "r reserved p", "searched=inventory", "q reserved p"],
            None,
        ),
        ("two decisions", with(&WELL, &["e confirmed c"]), Some(OneDecision)),
        ("two aborts", with(&aborted, &["y cancelled"]), Some(OneDecision)),
        ("an abort after the decision", with(&WELL, &["x cancelled"]), Some(OneEnd)),
        ("a decision after the abort", with(&["x cancelled"], &["d confirmed"]), Some(OneEnd)),
        ("an abort that is read again", with(&aborted, &["x cancelled", "u released x"]), None),
        (
            "a step that runs after its compensation",
            with(&aborted, &["q placed", "t reserved q"]),
            Some(AfterAbort),
        ),
        (
            "a step before it whose event came late",
            vec!["p placed", "x cancelled", "r reserved p", "u released x", "+6m"],
            None,
        ),
        (
            "the owner after its own abort",
            vec!["p placed", "k committed d", "x cancelled", "v delivered", "z completed v"],
            Some(AfterAbort),
        ),
        ("a compensation twice", with(&aborted, &["w released x", "+6m"]), Some(CompensatedOnce)),
        (
            "one of nothing",
            vec!["p placed", "x cancelled", "u released x", "+6m"],
            Some(CompensatedOnce),
        ),
        (
            "its effect comes later",
            vec!["p placed", "x cancelled", "u released x", "r reserved p", "+6m"],
            None,
        ),
        (
            "an answer after the abort, which is not published",
            vec!["p placed", "r reserved p", "x cancelled", "w voided x", "u released x", "+6m"],
            None,
        ),
        ("one whose beginning nobody saw", vec!["x cancelled", "u released x", "+6m"], None),
        (
            "an effect that stays",
            with(&aborted[..3], &with(&["+6m"], &with(&LATER, &["+6m"]))),
            Some(Compensated),
        ),
        ("a service that is not there", with(&aborted[..3], &["+6m", "+60m"]), None),
        (
            "a dead letter, which has an alarm of its own",
            with(
                &aborted[..3],
                &with(&["dead=inventory x cancelled", "+6m"], &with(&LATER, &["+6m"])),
            ),
            None,
        ),
        (
            "one before a gap",
            with(&aborted[..3], &with(&["gap", "+6m"], &with(&LATER, &["+6m"]))),
            None,
        ),
    ] {
        let found = broken(&lines);
        let properties: Vec<Property> = found.iter().map(|(property, _)| *property).collect();
        assert_eq!(properties, expected.into_iter().collect::<Vec<_>>(), "{says}: {found:?}");
    }
}

#[test]
fn a_violation_names_its_saga_and_its_entry_once() {
    let mut scene = Scene::new();
    with(&WELL, &["x cancelled", "y cancelled"]).iter().for_each(|line| scene.take(line));
    let found = scene.monitor.found();
    assert_eq!(found.len(), 2, "{found:?}");
    assert_eq!((found[0].offset, &*found[0].event_type), (10, "orders.order_cancelled.v1"));
    assert_eq!(found[0].saga, Some(scene.id("saga 1").0));
    assert!(found[0].says.contains("orders.order_confirmed.v1 (entry 5)"), "{found:?}");
    assert!(scene.monitor.found().is_empty());
    scene.take("w cancelled");
    assert!(scene.monitor.found().is_empty());
}

#[test]
fn without_patience_an_open_saga_is_not_judged_for_ever() {
    let mut scene = Scene::new();
    scene.monitor = Monitor::new(shop(), SignedDuration::ZERO);
    WELL[..4].iter().chain(&["+1m"]).for_each(|line| scene.take(line));
    assert_eq!(scene.monitor.count("orders.order_placed.v1"), 1);
}

#[test]
fn what_is_absent_is_named_only_when_all_has_been_read() {
    let mut scene = Scene::new();
    let silent = ["p placed", "r reserved p", "x cancelled", "~6m"];
    with(&silent, &with(&LATER, &["~6m", "3.p placed"])).iter().for_each(|line| scene.take(line));
    assert!(scene.monitor.found().is_empty());
    scene.take("+1m");
    let found = scene.monitor.found();
    assert_eq!((found.len(), found[0].property), (1, Property::Compensated), "{found:?}");
}

/// The first part of it may have been before.
#[test]
fn a_saga_that_begins_with_the_watch_is_not_judged_by_what_it_lacks() {
    for (first, expected) in [(0, 1), (100, 0)] {
        let mut scene = Scene::new();
        scene.offset = first;
        ["p placed", "x cancelled", "u released x", "+6m"].iter().for_each(|line| scene.take(line));
        assert_eq!(scene.monitor.found().len(), expected, "from {first}");
    }
}

#[test]
fn what_is_forgotten_is_counted() {
    let mut scene = Scene::new();
    // These have ended, and make room first.
    for number in 0..10 {
        scene.take(&format!("e{number}.d confirmed"));
    }
    for number in 0..100_010 {
        scene.take(&format!("{number}.p placed"));
        scene.now -= 999;
    }
    assert_eq!((scene.monitor.tally().forgotten, scene.monitor.tally().violations), (10, 0));
    assert_eq!(scene.monitor.count("orders.order_placed.v1"), 100_010);
}

#[test]
fn coverage_says_what_never_ran() {
    let mut scene = Scene::new();
    WELL.iter().chain(&["2.p placed", "2.c captured 2.p"]).for_each(|line| scene.take(line));
    let all = coverage(shop(), |event| scene.monitor.count(event));
    let of = |step: &str| all.iter().find(|one| one.step == step).expect("a step");
    assert_eq!((of("capture_payment").done, of("capture_payment").refused), (2, Some(0)));
    assert_eq!(of("reserve_stock").never(), ["refused", "compensated"]);
    assert!(of("commit_stock").never().is_empty());
    let paths = scene.monitor.undeclared_paths();
    assert_eq!(paths, [("orders.order_placed.v1", "payments.payment_captured.v1", 1)]);
}
