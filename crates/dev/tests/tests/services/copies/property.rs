//! Under any order, duplicates and losses of an owner's events, those that arrive are copied, and a run brings the
//! rest.

use ballet::core::Versioned;
use ballet_store::copies::rebuild::Rebuild;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use crate::copies::lamps::{HOUSE_TABLES, Lamp, LampChanged, LampRemoved, house};
use crate::copies::stage::CopiesStage;

const CASES: usize = 200;

/// The history of one lamp, and how its events arrive.
#[derive(Debug, Clone)]
struct LampHistory {
    /// Whether each version has the lamp removed.
    removals: Vec<bool>,
    /// The versions that arrive, in this order, counted from zero.
    arrivals: Vec<usize>,
}

fn case() -> impl Strategy<Value = LampHistory> {
    prop::collection::vec(prop::bool::weighted(0.3), 1..6).prop_flat_map(|removals| {
        let versions = removals.len();
        let arrivals = prop::collection::vec(0..versions, 0..3 * versions);
        (Just(removals), arrivals)
            .prop_map(|(removals, arrivals)| LampHistory { removals, arrivals })
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn any_order_and_duplication_and_loss_ends_with_an_equal_copy() {
    let stage = CopiesStage::new("property").await;
    let mut runner = TestRunner::deterministic();
    let cases: Vec<LampHistory> =
        (0..CASES).map(|_| case().new_tree(&mut runner).expect("a case").current()).collect();
    let porter = stage.reader("porter").await;
    let longest = cases.iter().map(|case| case.arrivals.len()).max().unwrap_or_default();
    // The lamps take turns, so that a batch holds many of them.
    for turn in 0..longest {
        for (at, case) in cases.iter().enumerate() {
            let Some(version) = case.arrivals.get(turn) else { continue };
            let (id, number) = (format!("lamp{at}"), i64::try_from(*version).unwrap() + 1);
            if case.removals[*version] {
                stage.put(&LampRemoved { lamp_id: id, version: number });
            } else {
                let lamp = Versioned::of(id, number, Lamp { text: number.to_string() });
                stage.put(&LampChanged { lamp });
            }
        }
    }
    stage.until_settled("porter").await;
    let copied = stage.copied("porter").await;
    for (at, LampHistory { removals, arrivals }) in cases.iter().enumerate() {
        let expected = arrivals.iter().max().map(|newest| {
            let number = i64::try_from(*newest).unwrap() + 1;
            (number, (!removals[*newest]).then(|| number.to_string()))
        });
        let copy = copied.get(&format!("lamp{at}"));
        assert_eq!(copy, expected.as_ref(), "{removals:?} {arrivals:?}");
    }

    let _house = stage.start(house(), HOUSE_TABLES, |_| {}).await;
    let (mut ids, mut versions, mut texts) = (Vec::new(), Vec::new(), Vec::new());
    for (at, LampHistory { removals, .. }) in cases.iter().enumerate() {
        let number = i64::try_from(removals.len()).unwrap();
        ids.push(format!("lamp{at}"));
        versions.push(number);
        texts.push((!removals.last().expect("a version")).then(|| number.to_string()));
    }
    sqlx::query("insert into lamp select * from unnest($1::text[], $2::bigint[], $3::text[])")
        .bind(ids)
        .bind(versions)
        .bind(texts)
        .execute(&mut stage.connect("house").await)
        .await
        .expect("lamps");
    // The porter's own request may have come before the lamps.
    let again =
        Rebuild::request(&mut stage.connect("house").await, "lamp").await.expect("an answer");
    assert!(again.is_some());
    stage.until_equal("porter").await;
    drop(porter);
}
