//! Clients that watch an order by server-sent events.

use ballet_stage::wait_until;
use orders::config::OrderSettings;
use reqwest::{Response, StatusCode};
use serde_json::{Value, json};
use sqlx::Connection;

use crate::shop::{CUSTOMER, FOR_ORDERS, SOON, Shop, mugs};

struct Watch {
    response: Response,
    unread: String,
}

type Event = (String, Value);

async fn ask(shop: &Shop, url: &str, order_id: &str, last_seen: Option<&str>) -> Response {
    let request = shop.client.get(format!("{url}/orders/{order_id}/events"));
    let request = match last_seen {
        Some(id) => request.header("Last-Event-ID", id),
        None => request,
    };
    tokio::time::timeout(SOON, request.send()).await.expect("in time").expect("an answer")
}

impl Watch {
    async fn begin(shop: &Shop, url: &str, order_id: &str, last_seen: Option<&str>) -> Self {
        let response = ask(shop, url, order_id, last_seen).await;
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self { response, unread: String::new() }
    }

    /// Returns `None` when the stream has ended properly.
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some((event, rest)) = self.unread.split_once("\n\n") {
                let field = |name| event.lines().find_map(|line| line.strip_prefix(name));
                let read = field("data: ").map(|data| {
                    let id = field("id: ").expect("an id").to_owned();
                    (id, serde_json::from_str(data).expect("JSON"))
                });
                self.unread = rest.to_owned();
                match read {
                    Some(event) => return Some(event),
                    // A comment.
                    None => continue,
                }
            }
            let chunk = tokio::time::timeout(SOON, self.response.chunk()).await.expect("in time");
            let chunk = chunk.expect("the stream is not cut off")?;
            self.unread.push_str(std::str::from_utf8(&chunk).expect("text"));
        }
    }

    /// Returns ids and statuses of all further events.
    async fn rest(mut self) -> Vec<(String, String)> {
        let mut rest = Vec::new();
        while let Some((id, data)) = self.next().await {
            rest.push((id, data["status"].as_str().expect("a status").to_owned()));
        }
        rest
    }
}

fn changes(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|(id, status)| ((*id).to_owned(), (*status).to_owned())).collect()
}

async fn a_watcher_that_comes_back_misses_nothing_and_sees_nothing_twice(shop: &mut Shop) {
    let [first, second] = shop.second("orders").await;
    let provider = shop.silent_provider().await;
    let order_id = shop.place_order(&mugs(1, "card_approved")).await;
    let mut watch = Watch::begin(shop, &first, &order_id, None).await;
    let (seen, _) = watch.next().await.expect("the status now");
    drop(watch);
    provider.close().await.expect("it answers");
    shop.order_is(&order_id, "completed").await;
    // The client missed both changes, and asks another replica.
    let watch = Watch::begin(shop, &second, &order_id, Some(&seen)).await;
    assert_eq!(watch.rest().await, changes(&[("2", "confirmed"), ("3", "completed")]));
    let watch = Watch::begin(shop, &first, &order_id, Some("2")).await;
    assert_eq!(watch.rest().await, changes(&[("3", "completed")]));
    // A browser reconnects for ever, unless it learns that nothing more comes.
    let answer = ask(shop, &first, &order_id, Some("3")).await;
    assert_eq!(answer.status(), StatusCode::NO_CONTENT);

    // A cancelled order ends the stream with its reason.
    let order_id = shop.place_order(&mugs(1, "card_declined")).await;
    let mut watch = Watch::begin(shop, &first, &order_id, Some("1")).await;
    let (id, data) = watch.next().await.expect("the end");
    assert_eq!((id.as_str(), &data["status"]), ("2", &json!("cancelled")));
    assert_eq!(data["reason"], "payment_declined");
    assert!(watch.next().await.is_none(), "nothing follows");
}

#[tokio::test]
async fn t203_watchers_are_bounded_in_all_and_for_one_customer_and_hold_no_database_connection() {
    let mut shop = Shop::with("watchmany", FOR_ORDERS).await;
    a_watcher_that_comes_back_misses_nothing_and_sees_nothing_twice(&mut shop).await;
    let provider = shop.silent_provider().await;
    let order_id = shop.place_order(&mugs(1, "card_approved")).await;
    // Many more than there are connections to the database.
    let most = 60;
    let settings = OrderSettings {
        order_watchers: most,
        order_watchers_of_one: 1,
        ..orders::config::DEADLINE.into()
    };
    shop.stop("orders").await;
    shop.start_as(orders::Orders(settings).service()).await;
    let url = shop.url("orders");
    let watch_as_customer = || async {
        let request = shop.client.get(format!("{url}/orders/{order_id}/events"));
        let request = request.header("x-ballet-subject", CUSTOMER);
        request.header("x-ballet-scopes", "orders:read").send().await.expect("an answer")
    };
    let own = watch_as_customer().await;
    assert_eq!(own.status(), StatusCode::OK);
    let refused = watch_as_customer().await;
    assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
    // Others are limited only by the total.
    let mut watches = Vec::new();
    for _ in 1..most {
        watches.push(Watch::begin(&shop, &url, &order_id, Some("1")).await);
    }
    assert_eq!(shop.order(&order_id).await["status"], "placed");
    let refused = ask(&shop, &url, &order_id, None).await;
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    drop(own);
    wait_until("room for the customer", SOON, || async {
        match watch_as_customer().await.status() {
            StatusCode::OK => Ok(Some(())),
            status => Err(status.to_string()),
        }
    })
    .await
    .expect("room");
    provider.close().await.expect("it answers");
    let all = changes(&[("2", "confirmed"), ("3", "completed")]);
    for watch in watches {
        assert_eq!(watch.rest().await, all);
    }
    shop.close().await;
}
