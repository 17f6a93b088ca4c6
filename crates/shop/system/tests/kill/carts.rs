//! A customer with a cart, while any service may be dead. Who gets no answer asks again, which
//! changes nothing that was done.

use ballet_stage::wait_until;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::services::SOON;
use crate::world::World;

/// Fills a cart and checks it out; the card is declined, so the cart comes back. Clears it, fills it
/// again, and buys with another card; the order.
pub(crate) async fn shop(world: &World, goods: &Value) -> String {
    let mug = &goods["lines"][0];
    let body = json!({ "customer_id": goods["customer_id"],
        "items": [{ "sku": "mug", "quantity": mug["quantity"] }] });
    let opened = ask(world, Method::POST, "carts", &body, None).await;
    let path = format!("carts/{}", opened["cart_id"].as_str().expect("an id"));
    check_out(world, &path, goods, "card_declined").await;
    reaches(world, &path, "open").await;
    ask(world, Method::DELETE, &format!("{path}/items"), &json!({}), None).await;
    let quantity = json!({ "quantity": mug["quantity"] });
    ask(world, Method::PUT, &format!("{path}/items/mug"), &quantity, None).await;
    let checkout = check_out(world, &path, goods, "card_approved").await;
    reaches(world, &path, "closed").await;
    checkout["order_id"].as_str().expect("an id").to_owned()
}

async fn check_out(world: &World, path: &str, goods: &Value, card_token: &str) -> Value {
    let cart = ask(world, Method::GET, path, &json!({}), None).await;
    let terms = json!({ "card_token": card_token, "ship_to": goods["ship_to"] });
    let tag = format!("\"{}\"", cart["version"]);
    ask(world, Method::POST, &format!("{path}/checkout"), &terms, Some(&tag)).await
}

async fn reaches(world: &World, path: &str, status: &str) {
    let reached = wait_until("a cart's status", SOON, || async {
        let cart = ask(world, Method::GET, path, &json!({}), None).await;
        if cart["status"] == status { Ok(Some(())) } else { Err(cart.to_string()) }
    });
    reached.await.expect("the status");
}

/// Asks until there is an answer. A copy that is being filled knows no product for a while.
async fn ask(world: &World, method: Method, path: &str, body: &Value, tag: Option<&str>) -> Value {
    let answer = wait_until("an answer of the cart", SOON, || async {
        let answer = world.services.ask("cart", method.clone(), path, body, tag).await?;
        let status = answer.status();
        let answer: Value = answer.json().await.map_err(|error| error.to_string())?;
        match status {
            StatusCode::OK | StatusCode::CREATED => Ok(Some(answer)),
            _ => Err(format!("{status}: {answer}")),
        }
    });
    answer.await.expect("an answer")
}
