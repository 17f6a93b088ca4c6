//! Items that are put into carts and taken out, and refused requests.

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::test_cart::{TestCart, body, detail, euros, id, lines, new_id, problem, tag};

#[tokio::test]
async fn a_cart_keeps_the_price_that_it_showed_until_it_shows_another() {
    let service = TestCart::new("shown").await;
    let cart = service.open_cart(&[("mug", 2)]).await;
    let (cart_id, path) = (id(&cart), format!("/carts/{}", id(&cart)));
    let mug = |quantity, price| {
        json!({ "sku": "mug", "title": "A mug", "quantity": quantity,
            "unit_price": euros(price), "withdrawn": false })
    };
    assert_eq!(cart["lines"], json!([mug(2, 1_250)]));
    assert_eq!((&cart["version"], &cart["total"]), (&json!(1), &euros(2_500)));

    service.publish_price("mug", 2, euros(1_300)).await;
    service.publish_price("mug", 1, euros(9)).await;
    assert_eq!(service.cart(cart_id).await, cart, "what was shown stands");
    let put = service.put(cart_id, "mug", 2).await;
    assert_eq!((put.status(), tag(&put)), (StatusCode::OK, "\"2\""));
    assert_eq!(put.json::<Value>().await.expect("JSON")["lines"], json!([mug(2, 1_300)]));
    let again = service.put(cart_id, "mug", 2).await;
    assert_eq!(tag(&again), "\"2\"", "nothing is changed");

    service.put(cart_id, "pot", 1).await;
    let removed = service.delete(&format!("{path}/items/mug")).await;
    assert_eq!((removed.status(), tag(&removed)), (StatusCode::OK, "\"4\""));
    assert_eq!(tag(&service.delete(&format!("{path}/items/mug")).await), "\"4\"");
    for _ in 0..2 {
        let cleared = service.delete(&format!("{path}/items")).await;
        assert_eq!((cleared.status(), tag(&cleared)), (StatusCode::OK, "\"5\""));
    }
    let cleared = &service.events("cart.cleared.v1", 1).await[0];
    let expected = json!({ "cart_id": cart_id, "customer_id": cart["customer_id"],
        "reason": "customer" });
    assert_eq!(body(cleared), expected);
    assert_eq!(service.cart(cart_id).await["lines"], json!([]));
    service.close().await;
}

#[tokio::test]
async fn what_cannot_be_in_a_cart_is_refused_with_a_sentence() {
    let service = TestCart::new("refused").await;
    service.publish_price("jug", 1, json!({ "amount_minor": 1, "currency": "USD" })).await;
    service.withdraw_product("vase", 1).await;
    let cart = service.open_cart(&[("mug", 1)]).await;
    let cart_id = id(&cart);
    for (sku, status, why) in [
        ("cup", StatusCode::NOT_FOUND, "there is no product cup"),
        ("vase", StatusCode::GONE, "product vase is withdrawn"),
        ("jug", StatusCode::CONFLICT, "product jug costs USD"),
    ] {
        let refused = service.put(cart_id, sku, 1).await;
        assert_eq!(refused.status(), status, "{sku}");
        assert!(detail(refused).await.starts_with(why), "{sku}");
    }
    let unknown = service.put(&new_id(), "mug", 1).await;
    assert_eq!(unknown.status(), StatusCode::NOT_FOUND);
    assert!(detail(unknown).await.starts_with("there is no cart"));
    for quantity in [json!(0), json!(10_001), json!("two")] {
        let refused = service.put(cart_id, "mug", quantity).await;
        assert_eq!(refused.status(), StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(problem(refused).await["errors"][0]["pointer"], "#/quantity");
    }
    let twice = service.open_cart(&[("mug", 1), ("pot", 1), ("mug", 2)]).await;
    assert_eq!(
        (&twice["lines"][0]["quantity"], &twice["lines"][1]["quantity"]),
        (&json!(3), &json!(1))
    );
    for (items, pointer) in [
        (lines(&[("mug", 1), ("cup", 1)]), "#/items/1/sku"),
        (lines(&[("vase", 1)]), "#/items/0/sku"),
        (lines(&[("mug", 1), ("mug", 10_000)]), "#/items/1/quantity"),
        (lines(&[("mug", 1); 101]), "#/items"),
    ] {
        let refused = service.open(&json!({ "customer_id": new_id(), "items": items })).await;
        assert_eq!(refused.status(), StatusCode::UNPROCESSABLE_ENTITY, "{pointer}");
        assert_eq!(problem(refused).await["errors"][0]["pointer"], pointer);
    }
    assert_eq!(service.cart(cart_id).await, cart);
    let bowls: Vec<String> = (0..=100).map(|bowl| format!("bowl-{bowl}")).collect();
    for bowl in &bowls {
        service.publish_price(bowl, 1, euros(1)).await;
    }
    let most: Vec<_> = bowls[..100].iter().map(|bowl| (&**bowl, 1)).collect();
    let refused = service.put(id(&service.open_cart(&most).await), &bowls[100], 1).await;
    assert!(detail(refused).await.contains("has 100 products"));
    service.close().await;
}
