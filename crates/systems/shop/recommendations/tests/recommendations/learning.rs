//! What is learnt from orders.

use crate::test_recommendations::{
    TestMessage, TestOrder, TestRecommendations, new_id, published, withdrawn,
};

/// The product in four of five orders, whatever else is in them.
const BESTSELLER: &str = "bestseller";

#[tokio::test]
async fn an_order_counts_in_whichever_order_its_events_come_and_never_if_it_is_cancelled() {
    let service = TestRecommendations::new("order").await;
    type Event = fn(&TestOrder) -> TestMessage;
    let (placed, confirmed, cancelled): (Event, Event, Event) =
        (TestOrder::placed, TestOrder::confirmed, TestOrder::cancelled);
    let mut sold = Vec::new();
    for (events, counts) in [
        (vec![placed, confirmed], true),
        (vec![confirmed, placed], true),
        (vec![placed], false),
        (vec![confirmed], false),
        (vec![placed, confirmed, cancelled], false),
        (vec![placed, cancelled, confirmed], false),
        (vec![confirmed, cancelled, placed], false),
        (vec![cancelled, placed, confirmed], false),
    ] {
        let order = TestOrder::of(["mug", "spoon", "mug"]);
        let messages: Vec<TestMessage> = events.iter().map(|event| event(&order)).collect();
        service.take_in_order(messages.iter().cloned()).await;
        // The broker repeats messages, and producers repeat events, later and in another order.
        service.take_in_order(messages.iter().rev().map(TestMessage::repeated)).await;
        if counts {
            sold.push(order.order_id.to_string());
        }
    }
    sold.sort_unstable();
    let items = "select distinct order_id::text from sold_item order by 1";
    assert_eq!(service.all::<String>(items).await, sold);
    assert_eq!(service.all::<i64>("select count(*) from sold_item").await, [4]);
    service.close().await;
}

#[tokio::test]
async fn what_belongs_together_is_found_and_the_bestseller_belongs_to_nothing() {
    let service = TestRecommendations::new("structure").await;
    let member = |cluster: usize, at: usize| format!("c{cluster}-{at}");
    let members = (0..6).flat_map(|cluster| (0..4).map(move |at| member(cluster, at)));
    let all = members.chain([BESTSELLER.to_owned()]);
    let few = ["pen", "ink"].map(str::to_owned);
    service.take(all.chain(few.clone()).map(|sku| published(&sku)).collect::<Vec<_>>()).await;
    // Three of the four products of a cluster are in an order.
    let order = |number: usize| {
        let cluster = number % 6;
        let own = (0..4).filter(|at| *at != number / 6 % 4).map(|at| member(cluster, at));
        let bestseller = (!number.is_multiple_of(5)).then(|| BESTSELLER.to_owned());
        TestOrder::of(own.chain(bestseller).collect::<Vec<_>>())
    };
    let thrice = (0..3).map(|_| TestOrder::of(few.clone()));
    let orders: Vec<TestOrder> = (0..120).map(order).chain(thrice).collect();
    service.take(orders.iter().flat_map(TestOrder::sold).collect::<Vec<_>>()).await;
    let with_pens = service.recommended("/products/pen/related").await;
    assert_eq!(with_pens, ("bought_together".to_owned(), vec!["ink".to_owned()]));
    for cluster in 0..6 {
        let path = format!("/products/{}/related?limit=50", member(cluster, 0));
        let (basis, mut related) = service.recommended(&path).await;
        related.sort_unstable();
        let others: Vec<String> = (1..4).map(|at| member(cluster, at)).collect();
        assert_eq!((basis.as_str(), related), ("bought_together", others));
    }
    let (basis, popular) = service.recommended(&format!("/products/{BESTSELLER}/related")).await;
    assert_eq!(basis, "popular");
    assert!(!popular.iter().any(|one| one == BESTSELLER), "{popular:?}");

    // A new customer gets popular products, and after the first order those that go with it.
    let customer = new_id();
    let path = format!("/customers/{customer}/recommendations?limit=3");
    let (basis, popular) = service.recommended(&path).await;
    assert_eq!((basis.as_str(), popular[0].as_str()), ("popular", BESTSELLER));
    service.take(TestOrder::of([member(2, 0), BESTSELLER.to_owned()]).by(customer).sold()).await;
    let (basis, liked) = service.recommended(&path).await;
    assert_eq!(basis, "bought_together");
    assert!(liked.contains(&member(2, 1)), "{liked:?}");
    // In whichever order the events come.
    service.take_in_order([withdrawn(&member(2, 1)), published(&member(2, 1)).repeated()]).await;
    let (_, liked) = service.recommended(&path).await;
    assert!(!liked.contains(&member(2, 1)), "{liked:?}");
    service.take([withdrawn(BESTSELLER)]).await;
    let (_, popular) = service.recommended("/popular?limit=50").await;
    assert!(!popular.iter().any(|one| one == BESTSELLER), "{popular:?}");
    service.close().await;
}
