//! Two runs that differ only in order, new ids and times are the same.

use std::collections::{HashMap, HashSet};

use ballet_amqp::headers::DEAD_REASON;
use ballet_amqp::{AMQPValue, BasicProperties, FieldTable};
use ballet_core::{EventType, Key, MessageId, Part, SagaPart, StepKind, StepPart, System};
use ballet_ops::stream::{
    ComparedSagas, Comparison, Difference, DifferenceKind, Joins, MadeKeys, NewIds, Record,
    SagaScope, Survey,
};
use jiff::Timestamp;
use proptest::prelude::*;
use serde_json::{Value, json};
use uuid::Uuid;

fn id(run: u128, number: u128) -> Uuid {
    Uuid::from_u128((0x0193_f7a0_0000 + number) << 80 | 0x7 << 76 | 0x8 << 60 | run << 32 | number)
}

fn record(own: Uuid, saga: Uuid, cause: Option<Uuid>, name: &str, body: &Value) -> Record {
    let mut headers = FieldTable::default();
    if let Some(cause) = cause {
        let cause = AMQPValue::LongString(cause.to_string().into());
        headers.insert("causation_id".into(), cause);
    }
    let properties = BasicProperties::default()
        .with_message_id(own.to_string().into())
        .with_correlation_id(saga.to_string().into())
        .with_headers(headers);
    Record {
        offset: None,
        time: None,
        exchange: "events".to_owned(),
        routing_key: name.to_owned(),
        properties,
        body: body.to_string().into(),
    }
}

/// One run of a saga: an order, a line for each quantity, a parcel for each line. Only outside data is the same in each
/// run.
fn saga(run: u128, number: u128, quantities: &[u32]) -> Vec<Record> {
    let (saga, base) = (id(0, number), number * 1_000);
    let at = format!("2026-11-22T09:00:{run:02}Z");
    let placed = json!({ "order": saga, "product": id(9, 9), "on": "2026-11-22T08:00:00Z" });
    let mut records = vec![record(saga, saga, None, "a.placed.v1", &placed)];
    for (line, quantity) in (0..).zip(quantities) {
        let own = id(run, base + 100 + line);
        let body = json!({ "order": saga, "line": id(run, base + 300 + line), "quantity": quantity,
            "at": at, "product": id(9, 9) });
        records.push(record(own, saga, Some(saga), "b.reserved.v1", &body));
        let body = json!({ "line": id(run, base + 300 + line), "because": own, "weight": quantity,
                "tracking": format!("parcel_{}", id(run, base + 700 + line)) });
        let parcel = id(run, base + 500 + line);
        records.push(record(parcel, saga, Some(own), "c.packed.v1", &body));
    }
    records
}

fn differences(
    sagas: (ComparedSagas, ComparedSagas),
    expected: &[Record],
    actual: &[Record],
) -> Vec<Difference> {
    differences_by(|comparison| comparison, sagas, expected, actual)
}

fn differences_by(
    rules: impl FnOnce(Comparison) -> Comparison,
    sagas: (ComparedSagas, ComparedSagas),
    expected: &[Record],
    actual: &[Record],
) -> Vec<Difference> {
    differences_without(HashSet::new(), rules, sagas, expected, actual)
}

fn differences_without(
    ignored: HashSet<String>,
    rules: impl FnOnce(Comparison) -> Comparison,
    sagas: (ComparedSagas, ComparedSagas),
    expected: &[Record],
    actual: &[Record],
) -> Vec<Difference> {
    let mut comparison = rules(Comparison::new(sagas.0, sagas.1, ignored));
    for record in expected {
        comparison.expect(record);
    }
    for record in actual {
        assert!(comparison.came(record));
    }
    let mut differences = Vec::new();
    comparison.finish(|difference| differences.push(difference));
    differences
}

fn same(number: u128) -> (ComparedSagas, ComparedSagas) {
    let sagas: ComparedSagas = HashMap::from([(id(0, number), id(0, number))]);
    (sagas.clone(), sagas)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn order_new_ids_and_times_make_no_difference_and_all_else_does(
        quantities in prop::collection::vec(0_u32..4, 1..6),
        order in any::<u64>(),
        at in any::<prop::sample::Index>(),
        new_ids in any::<bool>(),
    ) {
        let expected = saga(1, 7, &quantities);
        let mut actual = saga(2, 7, &quantities);
        let mut sagas = same(7);
        if new_ids {
            let mut survey = Survey::new(Timestamp::MAX, MadeKeys::default());
            expected.iter().for_each(|record| survey.add(record, true));
            actual.iter().for_each(|record| survey.know(record));
            let ids = NewIds::new(survey, 86_400_000, id(3, 3));
            actual.iter_mut().for_each(|record| ids.replace(record));
            sagas.1 = HashMap::from([(ids.of(id(0, 7)), id(0, 7))]);
        }
        // The same saga in another order, with some messages twice.
        let shuffled = |records: &[Record]| {
            let mut left = records.to_vec();
            let mut state = order;
            let mut all = vec![left.remove(0)];
            while !left.is_empty() {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                let next = usize::try_from(state >> 33).expect("small") % left.len();
                all.push(left.remove(next));
            }
            all.push(all[all.len() / 2].clone());
            all
        };
        prop_assert_eq!(differences(sagas.clone(), &expected, &shuffled(&actual)), []);

        // One event is missing, and one value differs.
        let at = 1 + at.index(actual.len() - 1);
        let mut less = actual.clone();
        let gone = less.remove(at);
        let found = differences(sagas.clone(), &expected, &shuffled(&less));
        let is_missing = |found: &&Difference| matches!(found.change, DifferenceKind::Missing { .. });
        let named = |found: &&Difference| {
            found.path.last().is_some_and(|name| name == gone.event_type())
        };
        prop_assert!(found.iter().filter(is_missing).any(|found| named(&found)), "{found:?}");
        let mut other = actual;
        let body = other[at].text().replace("\"quantity\":", "\"quantity\":9");
        other[at].body = body.replace("\"weight\":", "\"weight\":9").into_bytes();
        let found = differences(sagas, &expected, &shuffled(&other));
        let pointers: Vec<&str> = found
            .iter()
            .filter_map(|found| match &found.change {
                DifferenceKind::Field { pointer, .. } => Some(pointer.as_str()),
                DifferenceKind::Missing { .. } | DifferenceKind::New { .. } => None,
            })
            .collect();
        prop_assert!(pointers.iter().any(|p| ["/quantity", "/weight"].contains(p)), "{found:?}");
    }
}

#[test]
fn an_id_has_to_stand_in_the_same_places() {
    let expected = saga(1, 7, &[1]);
    let mut actual = saga(2, 7, &[1]);
    let line = id(2, 7_300).to_string();
    let other = id(2, 7_999).to_string();
    actual[2].body = actual[2].text().replace(&line, &other).into_bytes();
    let found = differences(same(7), &expected, &actual);
    let pointers: Vec<_> = found.iter().map(|found| &found.change).collect();
    assert!(
        matches!(&pointers[..], [DifferenceKind::Field { pointer, .. }] if pointer == "/line"),
        "{found:?}"
    );
}

#[test]
fn a_field_that_is_ignored_makes_no_difference_wherever_it_stands() {
    let (expected, actual) = (saga(1, 7, &[1]), saga(2, 7, &[2]));
    let without = |names: &[&str]| {
        let ignored = names.iter().map(|name| (*name).to_owned()).collect();
        differences_without(ignored, |comparison| comparison, same(7), &expected, &actual)
    };
    assert_eq!(without(&["quantity", "weight"]), []);
    assert_eq!(without(&["quantity"]).len(), 1);
}

/// A letter goes out when it is written and its stamp bought. `turned` says which comes last.
fn letter(run: u128, turned: bool) -> Vec<Record> {
    let saga = id(0, 7);
    let [written, bought, sent, told] = [1, 2, 3, 4].map(|number| id(run, number));
    let of = |own, cause, name, body| record(own, saga, Some(cause), name, &body);
    let mut both = [
        of(written, saga, "b.written.v1", json!({ "letter": id(run, 5) })),
        of(bought, saga, "c.bought.v1", json!({ "stamp": id(run, 6) })),
    ];
    if turned {
        both.reverse();
    }
    let last = if turned { written } else { bought };
    let body = json!({ "letter": id(run, 5), "stamp": id(run, 6), "parcel": id(run, 8) });
    let placed = record(saga, saga, None, "a.wanted.v1", &json!({ "weight": 20 }));
    let sent_event = of(sent, last, "d.sent.v1", body);
    let told = of(told, sent, "a.told.v1", json!({ "because": sent, "parcel": id(run, 8) }));
    [vec![placed], both.to_vec(), vec![sent_event, told]].concat()
}

/// Here `d` waits for both.
fn post() -> System {
    let on = ["c.bought.v1", "b.written.v1"].map(EventType::in_saga).to_vec();
    let done = EventType::in_saga("d.sent.v1");
    let step = StepPart::new("send_letter", StepKind::Retriable, on, done);
    let saga = SagaPart::new("letter", "a", vec![step]);
    let parts = vec![Part { service: "d", sagas: vec![saga], ..Part::default() }];
    System { name: "post", parts }
}

#[test]
fn which_trigger_of_a_join_comes_last_makes_no_difference() {
    let (expected, mut actual) = (letter(1, false), letter(2, true));
    let found = differences(same(7), &expected, &actual);
    assert!(!found.is_empty(), "a join that nobody declares is a chain of causes");
    let joins = |comparison: Comparison| comparison.with_joins(Joins::of(&post()));
    assert_eq!(differences_by(joins, same(7), &expected, &actual), []);

    // A different value is found behind both triggers.
    let parcel = id(2, 8).to_string();
    actual[3].body = actual[3].text().replace(&parcel, &id(2, 9).to_string()).into_bytes();
    let found = differences_by(joins, same(7), &expected, &actual);
    let places: Vec<_> = found
        .iter()
        .map(|found| match &found.change {
            DifferenceKind::Field { pointer, .. } => (found.path.join(" "), pointer.as_str()),
            change => panic!("{change:?}"),
        })
        .collect();
    let told = "b.written.v1 c.bought.v1 d.sent.v1 a.told.v1";
    assert_eq!(places, [(told.to_owned(), "/parcel")]);

    // An event of this name with another cause is not of the join.
    let mut alone = letter(3, false);
    alone.push(record(id(3, 9), id(0, 7), Some(id(0, 7)), "d.sent.v1", &json!({})));
    let found = differences_by(joins, same(7), &expected, &alone);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].path, ["a.wanted.v1", "d.sent.v1"]);
}

#[test]
fn an_open_saga_is_compared_up_to_the_end_of_its_recording() {
    let (expected, mut actual) = (&saga(1, 7, &[1, 2])[..3], saga(2, 7, &[1, 2]));
    assert_eq!(differences(same(7), expected, &actual).len(), 2, "what came later");
    let open = |mut comparison: Comparison| {
        comparison.limit(id(0, 7), SagaScope { is_open: true, without: None });
        comparison
    };
    assert_eq!(differences_by(open, same(7), expected, &actual), []);
    // The recorded events have to come unchanged.
    actual[1].body = actual[1].text().replace("\"quantity\":1", "\"quantity\":3").into_bytes();
    let packed = actual.remove(2);
    let found = differences_by(open, same(7), expected, &actual);
    let names: Vec<_> = found.iter().filter_map(|found| found.path.last()).collect();
    assert_eq!(packed.event_type(), "c.packed.v1");
    assert!(names.contains(&&"b.reserved.v1".to_owned()), "{found:?}");
    assert!(names.contains(&&"c.packed.v1".to_owned()), "{found:?}");
}

#[test]
fn what_a_service_answers_can_be_left_out_with_what_follows() {
    let by = |service: &str, mut record: Record| {
        record.properties = record.properties.with_app_id(service.into());
        record
    };
    let saga = id(0, 7);
    let run = |run: u128| {
        vec![
            by("b", record(saga, saga, None, "b.wanted.v1", &json!({ "weight": 20 }))),
            by("a", record(id(run, 1), saga, Some(saga), "a.placed.v1", &json!({ "weight": 20 }))),
            by("b", record(id(run, 2), saga, Some(id(run, 1)), "b.thanked.v1", &json!({}))),
            by("a", record(id(run, 3), saga, Some(id(run, 2)), "a.pleased.v1", &json!({}))),
        ]
    };
    let (expected, mut actual) = (run(1), run(2));
    actual.truncate(2);
    let without = |mut comparison: Comparison| {
        comparison.limit(saga, SagaScope { is_open: false, without: Some("b") });
        comparison
    };
    assert_eq!(differences(same(7), &expected, &actual).len(), 2);
    assert_eq!(differences_by(without, same(7), &expected, &actual), []);
    assert_eq!(differences_by(without, same(7), &actual, &expected), []);
    actual.truncate(1);
    let found = differences_by(without, same(7), &expected, &actual);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].path, ["b.wanted.v1", "a.placed.v1"]);
}

#[test]
fn a_key_that_comes_from_outside_and_is_new_in_each_run_has_to_stand_in_the_same_places() {
    let basket = Key::of("basket", "basket").made_here();
    let made = MadeKeys::of([
        (EventType::starts_saga("a.placed.v1"), basket),
        (EventType::in_saga("b.reserved.v1"), Key::of("shelf", "shelf")),
    ]);
    let run = |of_answer: Uuid| {
        let (saga, shelf) = (id(0, 7), id(9, 9));
        let placed = json!({ "basket": id(5, 5), "shelf": shelf });
        let reserved = json!({ "basket": of_answer, "shelf": shelf });
        vec![
            record(saga, saga, None, "a.placed.v1", &placed),
            record(id(1, 8), saga, Some(saga), "b.reserved.v1", &reserved),
        ]
    };
    let expected = run(id(5, 5));
    let found = |mut actual: Vec<Record>, knows: bool| {
        let mut survey = Survey::new(Timestamp::MAX, made.clone());
        expected.iter().for_each(|record| survey.add(record, true));
        let ids = NewIds::new(survey, 86_400_000, id(3, 3));
        actual.iter_mut().for_each(|record| ids.replace(record));
        let sagas = (same(7).0, HashMap::from([(ids.of(id(0, 7)), id(0, 7))]));
        let made = if knows { made.clone() } else { MadeKeys::default() };
        differences_by(|comparison| comparison.with_keys(made), sagas, &expected, &actual)
    };
    assert_eq!(found(run(id(5, 5)), true), []);
    assert_ne!(found(run(id(5, 5)), false), []);
    assert_eq!(found(run(id(6, 6)), true).len(), 1, "another basket");
    assert_eq!(found(run(id(0, 7)), true).len(), 1, "the saga is no basket");
}

#[test]
fn a_message_may_die_in_several_services_in_any_order() {
    let (expected, mut actual) = (saga(1, 7, &[1]), saga(2, 7, &[1]));
    let dead = |of: &Record, service: &str| {
        let mut headers = FieldTable::default();
        headers.insert(DEAD_REASON.into(), AMQPValue::LongString("wrong_shape".into()));
        let (exchange, properties) =
            ("dead".to_owned(), of.properties.clone().with_headers(headers));
        Record { exchange, routing_key: service.to_owned(), properties, ..of.clone() }
    };
    let both = [dead(&expected[0], "b"), dead(&expected[0], "c")];
    let expected = [expected, both.to_vec()].concat();
    actual.extend(both.into_iter().rev());
    assert_eq!(differences(same(7), &expected, &actual), []);
    let of_b = actual.pop().expect("a dead letter");
    let found = differences(same(7), &expected, &actual);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(matches!(found[0].change, DifferenceKind::Missing { .. }), "{found:?}");
    // A message that dies again in the same service counts once.
    actual.extend([of_b.clone(), of_b]);
    assert_eq!(differences(same(7), &expected, &actual), []);
}

#[test]
fn a_saga_whose_first_message_has_no_uuid_goes_by_the_id_that_services_derive() {
    for own in [Some("order 17"), None] {
        let placed = json!({ "quantity": 3 });
        let mut begun = record(id(0, 7), id(0, 7), None, "a.placed.v1", &placed);
        begun.properties = BasicProperties::default();
        if let Some(own) = own {
            begun.properties = BasicProperties::default().with_message_id(own.into());
            assert_eq!(begun.known_as(), MessageId::derived_from_text(own).0);
        }
        let saga = begun.saga_id().expect("a saga");
        let reserved = |run, saga: Uuid, quantity: u32| {
            let body = json!({ "order": saga, "quantity": quantity });
            record(id(run, 8), saga, Some(saga), "b.reserved.v1", &body)
        };
        let expected = vec![begun, reserved(1, saga, 3)];
        let mut survey = Survey::new(Timestamp::MAX, MadeKeys::default());
        expected.iter().for_each(|record| survey.add(record, true));
        let ids = NewIds::new(survey, 86_400_000, id(3, 3));
        let (mut sent, new) = (expected.clone(), ids.of(saga));
        sent.iter_mut().for_each(|record| ids.replace(record));
        let text = new.to_string();
        assert_eq!(sent[0].message_id(), Some(&*text), "{own:?}");
        assert_eq!((sent[1].saga(), sent[1].cause()), (Some(&*text), Some(&*text)), "{own:?}");

        let sagas = (HashMap::from([(saga, saga)]), HashMap::from([(new, saga)]));
        let answered = |quantity| vec![sent[0].clone(), reserved(2, new, quantity)];
        assert_eq!(differences(sagas.clone(), &expected, &answered(3)), [], "{own:?}");
        let found = differences(sagas, &expected, &answered(2));
        assert_eq!(found.len(), 1, "{own:?}: {found:?}");
        assert_eq!(found[0].path, ["a.placed.v1", "b.reserved.v1"]);
    }
}
