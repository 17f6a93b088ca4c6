//! Tests of the example `query`.

use ballet_testkit::TestSystem;
use concepts::query;
use concepts::ticket_order::OrderConfirmed;
use reqwest::StatusCode;
use serde_json::Value;

#[tokio::test]
async fn the_sales_are_listed_in_pages_without_a_gap_or_a_repetition() {
    let system = TestSystem::new("query", vec![query::service()]).await;
    let mut expected = Vec::new();
    for seats in 1..=5 {
        let order_id = system.new_id();
        let order = OrderConfirmed { order_id, guest: "Ada".to_owned(), seats };
        system.publish(order_id, &order).await;
        // Under another id, too.
        system.publish(order_id, &order).await;
        expected.push(order_id.to_string());
    }
    system.until("board", "select count(*) from sale", 5).await;

    let (mut listed, mut pages, mut path) = (Vec::new(), 0, "/sales?limit=2".to_owned());
    loop {
        let (status, page) = system.get("board", &path).await;
        assert_eq!(status, StatusCode::OK, "{page}");
        let items = page["items"].as_array().expect("a list");
        listed
            .extend(items.iter().map(|sale| sale["order_id"].as_str().expect("an id").to_owned()));
        pages += 1;
        let Some(next) = page["next"].as_str() else { break };
        path = format!("/sales?limit=2&after={next}");
    }
    assert_eq!((listed, pages), (expected, 3));

    for (path, parameter) in [
        ("/sales?limit=0", "limit"),
        ("/sales?limit=many", "limit"),
        ("/sales?after=tomorrow", "after"),
        ("/sales?limt=2", "limt"),
    ] {
        let (status, problem) = system.get("board", path).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{path}: {problem}");
        assert_eq!(problem["errors"][0]["name"], parameter, "{problem}");
    }
    let (_, document) = system.get("board", "/openapi.json").await;
    let parameters = &document["paths"]["/sales"]["get"]["parameters"];
    let names: Vec<&Value> =
        parameters.as_array().expect("a list").iter().map(|parameter| &parameter["name"]).collect();
    assert_eq!(names, ["after", "limit"]);
    system.close(0).await;
}
