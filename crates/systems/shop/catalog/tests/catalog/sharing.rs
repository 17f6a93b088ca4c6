//! The products as another service copies them.

use std::collections::BTreeMap;

use ballet::{Participant, Service};
use ballet_testkit::TestSystem;
use serde_json::Value;
use shop_events::catalog::{Product, ProductPriceChanged, ProductPublished, ProductWithdrawn};
use sqlx::PgConnection;

use crate::test_catalog::{TestCatalog, product};

fn reader() -> Participant {
    Participant::new("cart").copies::<Product>(|copy| {
        copy.fed_by::<ProductPublished>()
            .fed_by::<ProductPriceChanged>()
            .fed_by::<ProductWithdrawn>()
    })
}

/// By SKU: the version, and the product unless it is withdrawn.
async fn copied(mut db: PgConnection) -> BTreeMap<String, (i64, Option<Value>)> {
    let rows: Vec<(String, i64, Option<Value>)> =
        sqlx::query_as("select id, version, state from ballet.copy where entity = 'product'")
            .fetch_all(&mut db)
            .await
            .expect("a copy");
    rows.into_iter().map(|(id, version, state)| (id, (version, state))).collect()
}

#[tokio::test]
async fn a_service_that_joins_later_gets_every_product_as_the_events_carry_it() {
    let parts = vec![catalog::Catalog::participant().part(), reader().part()];
    let mut system = TestSystem::asleep("sharing", parts).await;
    system.start(catalog::Catalog::service()).await;
    let mut service = TestCatalog::of(system);
    for sku in ["cup", "mug", "pot"] {
        service.published(&product(sku, "For tea", "Line one,\nline \"two\".")).await;
    }
    service.set_price("mug", Some("\"1\""), 990).await;
    service.withdraw("pot", Some("\"1\"")).await;

    service.system.start(Service::new(reader())).await;
    service.until("cart", "select filled_run is not null from ballet.copy_fill", true).await;
    let mut expected = BTreeMap::from([("pot".to_owned(), (2, None))]);
    for (sku, version) in [("cup", 1), ("mug", 2)] {
        let state = service.read(&format!("/products/{sku}")).await;
        expected.insert(sku.to_owned(), (version, Some(state)));
    }
    assert_eq!(copied(service.database("cart").await).await, expected);
    service.close().await;
}
