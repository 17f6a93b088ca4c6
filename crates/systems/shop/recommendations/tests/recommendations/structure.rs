//! Orders made by a known rule, which the recommendations have to find.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::test_recommendations::{
    PAIRS, TestMessage, TestOrder, TestRecommendations, new_id, published, withdrawn,
};

const SEED: u64 = 20_261_121;
const CLUSTERS: usize = 6;
/// Products of a cluster are bought together.
const SIZE: usize = 4;
const NOISE: usize = 40;
const ORDERS: usize = 400;
/// The product in four of five orders, whatever else is in them.
const BESTSELLER: &str = "bestseller";

/// SplitMix64, with the same orders in each run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % sides as u64).expect("a small number")
    }
}

fn member(cluster: usize, at: usize) -> String {
    format!("c{cluster}-{at}")
}

fn noise(at: usize) -> String {
    format!("noise-{at}")
}

fn orders() -> Vec<TestOrder> {
    let mut dice = Dice(SEED);
    let order = |_| {
        let mut skus = Vec::new();
        let cluster = dice.below(CLUSTERS);
        skus.extend((0..SIZE).filter(|_| dice.below(10) < 6).map(|at| member(cluster, at)));
        skus.extend((0..dice.below(4)).map(|_| noise(dice.below(NOISE))));
        if dice.below(5) < 4 || skus.is_empty() {
            skus.push(BESTSELLER.to_owned());
        }
        TestOrder::of(skus)
    };
    (0..ORDERS).map(order).collect()
}

fn all_products() -> Vec<TestMessage> {
    let members = (0..CLUSTERS).flat_map(|c| (0..SIZE).map(move |at| member(c, at)));
    let all = members.chain((0..NOISE).map(noise)).chain([BESTSELLER.to_owned()]);
    all.map(|sku| published(&sku)).collect()
}

#[tokio::test]
async fn what_belongs_together_is_found_and_the_bestseller_belongs_to_nothing() {
    let service = TestRecommendations::with("structure", 1, 2).await;
    service.take(all_products()).await;
    service.take(orders().iter().flat_map(TestOrder::sold)).await;

    let pairs = service.all(PAIRS).await;
    let mut seduced = 0;
    for cluster in 0..CLUSTERS {
        for at in 0..SIZE {
            let sku = member(cluster, at);
            let (basis, mut related) =
                service.recommended(&format!("/products/{sku}/related?limit=3")).await;
            related.sort_unstable();
            let others: Vec<String> =
                (0..SIZE).filter(|other| *other != at).map(|at| member(cluster, at)).collect();
            assert_eq!((basis.as_str(), &related), ("bought_together", &others), "{sku}");
            let (_, more) = service.recommended(&format!("/products/{sku}/related?limit=50")).await;
            assert!(!more.iter().any(|one| one == BESTSELLER), "{sku}: {more:?}");
            seduced += usize::from(most_often_with(&pairs, &sku) == BESTSELLER);
        }
    }
    // A plain count would recommend the bestseller with nearly everything.
    assert!(seduced > CLUSTERS * SIZE / 2, "only {seduced} are bought most often with it");
    // The bestseller goes with everything, so with nothing in particular.
    let (basis, popular) = service.recommended(&format!("/products/{BESTSELLER}/related")).await;
    assert_eq!(basis, "popular");
    assert!(!popular.iter().any(|one| one == BESTSELLER), "{popular:?}");

    // A new customer gets popular products, and after the first order those that go with it.
    let customer = new_id();
    let path = format!("/customers/{customer}/recommendations?limit=3");
    let (basis, popular) = service.recommended(&path).await;
    assert_eq!((basis.as_str(), popular[0].as_str()), ("popular", BESTSELLER));
    service.take(TestOrder::of([member(2, 0), BESTSELLER.to_owned()]).by(customer).sold()).await;
    let (basis, mut liked) = service.recommended(&path).await;
    liked.sort_unstable();
    assert_eq!(
        (basis.as_str(), liked),
        ("bought_together", vec![member(2, 1), member(2, 2), member(2, 3)])
    );

    // In whichever order the events come.
    service.take_in_order([withdrawn(&member(2, 1)), published(&member(2, 1)).repeated()]).await;
    let (_, liked) = service.recommended(&path).await;
    assert!(!liked.contains(&member(2, 1)), "{liked:?}");
    service.take([withdrawn(BESTSELLER)]).await;
    let (_, popular) = service.recommended("/popular?limit=50").await;
    assert!(!popular.iter().any(|one| one == BESTSELLER), "{popular:?}");
    service.close().await;
}

fn most_often_with(pairs: &[Value], sku: &str) -> String {
    let mut orders = BTreeMap::new();
    for pair in pairs {
        let names = [&pair["sku"], &pair["other"]].map(|name| name.as_str().expect("a SKU"));
        if let Some(at) = names.iter().position(|name| *name == sku) {
            orders.insert(pair["orders"].as_i64().expect("a number"), names[1 - at]);
        }
    }
    orders.last_key_value().map(|(_, sku)| (*sku).to_owned()).expect("pairs")
}

#[tokio::test]
async fn what_sells_now_is_more_popular_than_what_sold_more_long_ago() {
    let service = TestRecommendations::new("decay").await;
    service.take(["old", "new", "gone", "unsold"].map(published)).await;
    let of_last_year = || TestOrder::of(["old"]).placed_at("2025-11-01T12:00:00Z");
    let mut orders: Vec<TestOrder> = (0..30).map(|_| of_last_year()).collect();
    orders.extend((0..2).map(|_| TestOrder::of(["new"])));
    service.take(orders.iter().flat_map(TestOrder::sold)).await;
    let expected = ("popular".to_owned(), vec!["new".to_owned(), "old".to_owned()]);
    assert_eq!(service.recommended("/popular").await, expected);
    // A clock that is ahead has no advantage.
    let gone: Vec<TestOrder> = (0..3).map(|_| TestOrder::of(["gone"])).collect();
    service.take(gone.iter().flat_map(TestOrder::sold)).await;
    assert_eq!(service.recommended("/popular?limit=1").await.1, ["gone"]);
    service.take(gone.iter().map(TestOrder::cancelled)).await;
    assert_eq!(service.recommended("/popular").await, expected);
    // A product that is not known yet has no relations, which is no error.
    assert_eq!(service.recommended("/products/nobody-knows/related").await, expected);
    service.close().await;
}
