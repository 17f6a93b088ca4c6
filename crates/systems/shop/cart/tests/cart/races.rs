//! Checkouts that race each other, or race changes of the cart or its products.

use futures_util::future::{join, join_all};
use reqwest::StatusCode;
use serde_json::Value;

use crate::test_cart::{TestCart, euros, id, terms};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_checkouts_at_the_same_time_one_makes_the_order() {
    let service = TestCart::new("race").await;
    for (round, cards) in (1..).zip([1, 1, 4, 4]) {
        let cart = service.open_cart(&[("mug", 1)]).await;
        let terms: Vec<Value> = (0..8).map(|n| terms(&format!("card_{}", n % cards))).collect();
        let requests =
            terms.iter().map(|terms| service.check_out_as(id(&cart), Some("\"1\""), terms));
        let answers = join_all(requests).await;
        let of = |status| answers.iter().filter(|answer| answer.status() == status).count();
        // Requests with the winner's card get its order; the others learn of it.
        assert_eq!(of(StatusCode::CREATED), 1);
        assert_eq!((of(StatusCode::OK), of(StatusCode::CONFLICT)), (8 / cards - 1, 8 - 8 / cards));
        let mut orders = std::collections::BTreeSet::new();
        for answer in answers {
            let answer: Value = answer.json().await.expect("JSON");
            if let Some(order_id) = answer["order_id"].as_str() {
                orders.insert(order_id.to_owned());
            }
        }
        assert_eq!(orders.len(), 1);
        service.events("cart.checked_out.v1", round).await;
    }
    let cart = service.open_cart(&[("mug", 1)]).await;
    let both = join(service.put(id(&cart), "mug", 2), service.put(id(&cart), "pot", 1));
    service.meeting(("cart", "cart"), 2, both).await;
    let cart = service.cart(id(&cart)).await;
    assert_eq!((&cart["version"], &cart["lines"][0]["quantity"]), (&3.into(), &2.into()), "{cart}");
    service.close().await;
}

/// A checkout has what its customer has seen, or there is none.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_checkout_that_races_a_new_price_or_another_line_has_the_price_that_was_shown() {
    const ROUNDS: usize = 8;
    let service = TestCart::new("changing").await;
    let (mut ordered, mut refused) = (0, 0);
    for round in 0..ROUNDS {
        let cart = service.open_cart(&[("mug", 1)]).await;
        let version = i64::try_from(round).expect("a few") + 2;
        let checkout = service.check_out(id(&cart), 1);
        let answer = if round % 2 == 0 {
            join(checkout, service.publish_price("mug", version, euros(1_000 + version))).await.0
        } else {
            join(checkout, service.put(id(&cart), "pot", 1)).await.0
        };
        let status = answer.status();
        let answer: Value = answer.json().await.expect("JSON");
        match status {
            StatusCode::CREATED => {
                assert_eq!(answer["total"], cart["total"], "{answer}");
                assert_eq!(answer["lines"].as_array().map(Vec::len), Some(1), "{answer}");
                ordered += 1;
            }
            StatusCode::CONFLICT => {
                assert_eq!(answer["lines"][0]["old_price"], cart["lines"][0]["unit_price"]);
                refused += 1;
            }
            StatusCode::PRECONDITION_FAILED => refused += 1,
            other => panic!("{other}: {answer}"),
        }
    }
    assert_eq!(ordered + refused, ROUNDS);
    service.events("cart.checked_out.v1", ordered).await;
    service.close().await;
}
