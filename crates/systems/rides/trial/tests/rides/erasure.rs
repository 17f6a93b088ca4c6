//! Changes of riders by those who have read them, their erasure, and texts that name nobody.

use ballet_stage::Method;
use reqwest::StatusCode;
use serde_json::json;

use crate::town::{Town, id, patient};

const NOBODY: &str = "00000000-0000-0000-0000-000000000000";

async fn count(town: &Town, service: &str, of: &str) -> i64 {
    town.system.value(service, &format!("select count(*) from {of}")).await
}

/// Counts riders, their copies and rides with this text.
async fn rows_with(town: &Town, text: &str) -> [i64; 4] {
    let mut found = [0; 4];
    let tables = [
        ("riders", "rider"),
        ("location", "ballet.copy"),
        ("dispatch", "ballet.copy"),
        ("dispatch", "ride join quote using (quote_id)"),
    ];
    for (at, (service, table)) in tables.into_iter().enumerate() {
        let of = format!(
            "(select to_jsonb(t)::text as row from (select * from {table}) t) as rows \
                          where row like '%{text}%'"
        );
        found[at] = count(town, service, &of).await;
    }
    found
}

#[tokio::test]
async fn an_erased_rider_is_in_no_copy_and_the_rides_are_nobodys() {
    let mut town = Town::new("rides_erasure").await;
    let about = json!({ "name": "Grace Hopper", "payment_token": "card_approved" });
    let (status, rider) = town.system.post("riders", "/riders", &about).await;
    assert_eq!(status, StatusCode::CREATED, "{rider}");
    let rider = id(&rider["rider_id"]);
    let copied = format!("select count(*) from ballet.copy where id = '{rider}'");
    for service in ["dispatch", "location"] {
        town.system.until(service, &copied, 1).await;
    }
    // Location uses neither the name nor the token.
    assert_eq!(rows_with(&town, "Grace").await, [1, 0, 1, 0]);
    assert_eq!(rows_with(&town, "card_approved").await, [1, 0, 1, 0]);
    let (first, second) = (town.driver(1).await, town.driver(2).await);
    let over = town.request(rider).await;
    town.until_asked(over, first).await;
    town.drive(over, first).await;
    town.until_driver(first, "free").await;
    assert_eq!(town.offline(first).await.0, StatusCode::OK);
    let open = town.request(rider).await;
    town.until_asked(open, second).await;
    town.accept(open, second).await;
    let quote = town.quote(rider).await;

    let path = format!("/riders/{rider}");
    let erase = async || town.system.request(Method::DELETE, "riders", &path, None).await.0;
    assert_eq!(erase().await, StatusCode::NO_CONTENT);
    assert_eq!(erase().await, StatusCode::NOT_FOUND);
    assert_eq!(town.system.get("riders", &path).await.0, StatusCode::NOT_FOUND);
    let (status, _) = town.system.request(Method::PUT, "riders", &path, Some(&about)).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    let removed = format!("{copied} and state is null and version = 2");
    for service in ["dispatch", "location"] {
        town.system.until(service, &removed, 1).await;
    }
    for text in ["Grace", "card_approved"] {
        assert_eq!(rows_with(&town, text).await, [0, 0, 0, 0], "{text}");
    }
    // Rides with a driver go on, and nothing new begins.
    let wanted = town.request_by(&quote).await;
    town.until_cancelled(wanted, "payment_declined").await;
    town.act(open, second, "start").await;
    town.act(open, second, "complete").await;
    town.until(open, "completed").await;
    town.until_payment(open, "paid").await;
    // A pass of the service makes them nobody's. The first comes at the start.
    town.system.stop("dispatch").await;
    town.start_dispatch(patient()).await;
    let named = format!(
        "select count(*) from ride full join quote using (quote_id)
         where ride.rider_id = '{rider}' or quote.rider_id = '{rider}'"
    );
    town.system.until("dispatch", &named, 0).await;
    let named = format!("select count(*) from work where rider_id = '{rider}'");
    town.system.until("location", &named, 0).await;
    let receipt = town.receipt(over).await;
    assert_eq!((&receipt["rider_id"], &receipt["charged"]), (&json!(NOBODY), &receipt["quoted"]));
    let (_, ride) = town.system.get("dispatch", &format!("/rides/{over}")).await;
    assert_eq!(ride["pickup"], json!({ "lat": 52.5, "lon": 13.4 }), "{ride}");
    assert_eq!(ride["destination"], json!({ "lat": 52.6, "lon": 13.4 }), "an area: {ride}");

    // The person may come back, because copies follow the version.
    let (by, all) = ((rider, "rides:ride"), ("riders", "/riders"));
    let (_, _, again) = town.signed_in(by, Method::POST, all, &about).await;
    assert_eq!((&again["rider_id"], &again["version"]), (&json!(rider), &json!(3)), "{again}");
    let back = format!("{copied} and state is not null and version = 3");
    for service in ["dispatch", "location"] {
        town.system.until(service, &back, 1).await;
    }
    town.close().await;
}
