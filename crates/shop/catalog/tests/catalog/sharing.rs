//! The products as another service copies them.

use std::collections::BTreeMap;

use ballet::core::{System, topology};
use ballet::{Participant, Service, Settings};
use ballet_stage::{Servers, TestEnv, wait_until};
use serde_json::Value;
use shop_events::catalog::{Product, ProductPriceChanged, ProductPublished, ProductWithdrawn};
use sqlx::{Connection, PgConnection};

use crate::world::{SOON, World, product};

fn reader() -> Participant {
    Participant::new("cart").copies::<Product>(|copy| {
        copy.fed_by::<ProductPublished>()
            .fed_by::<ProductPriceChanged>()
            .fed_by::<ProductWithdrawn>()
    })
}

/// The copy by SKU: the version, and the product unless it is withdrawn.
async fn copied(url: &str) -> BTreeMap<String, (i64, Option<Value>)> {
    let mut db = PgConnection::connect(url).await.expect("a session");
    let rows: Vec<(String, i64, Option<Value>)> =
        sqlx::query_as("select id, version, state from ballet.copy where entity = 'product'")
            .fetch_all(&mut db)
            .await
            .expect("a copy");
    rows.into_iter().map(|(id, version, state)| (id, (version, state))).collect()
}

#[tokio::test]
async fn a_service_that_joins_later_gets_every_product_as_the_events_carry_it() {
    let servers = Servers::shared().await.expect("servers");
    let parts = vec![catalog::participant().part(), reader().part()];
    let definitions = topology::definitions(&System { name: "shop", parts }, |_| String::new());
    let env = TestEnv::prepared(servers, "sharing", &definitions, &["catalog", "cart"]).await;
    let world = World::start(env.expect("a test environment")).await;
    for sku in ["cup", "mug", "pot"] {
        world.published(&product(sku, "For tea", "Line one,\nline \"two\".")).await;
    }
    world.set_price("mug", Some("\"1\""), 990).await;
    world.withdraw("pot", Some("\"1\"")).await;

    let cart = world.env.database_url("cart").to_owned();
    let settings = Settings::new(world.env.amqp_url("cart"), &cart);
    let running = Service::new(reader()).start(settings).await.expect("started");
    let filled = wait_until("a filled copy", SOON, || async {
        let mut db = PgConnection::connect(&cart).await?;
        let filled = "select filled_run is not null from ballet.copy_fill";
        let (filled,): (bool,) = sqlx::query_as(filled).fetch_one(&mut db).await?;
        Ok::<_, sqlx::Error>(filled.then_some(()))
    });
    filled.await.expect("filled");
    let mut expected = BTreeMap::from([("pot".to_owned(), (2, None))]);
    for (sku, version) in [("cup", 1), ("mug", 2)] {
        let state = world.read(&format!("/products/{sku}")).await;
        expected.insert(sku.to_owned(), (version, Some(state)));
    }
    assert_eq!(copied(&cart).await, expected);
    running.stop().await;
    world.close().await;
}
