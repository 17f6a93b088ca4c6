//! Concurrent reservations on a real database.

use ballet::core::{System, topology};
use ballet_stage::{Servers, TestEnv};
use shop_events::Money;
use shop_events::inventory::StockReceived;
use sqlx::Connection;
use sqlx::types::Uuid;

use super::*;
use crate::store::stock;

const SKUS: [&str; 4] = ["a", "b", "c", "d"];
const ORDERS: u128 = 60;

async fn connect(env: &TestEnv) -> PgConnection {
    PgConnection::connect(env.database_url("inventory")).await.unwrap()
}

async fn run(db: &mut PgConnection, statement: &'static str) {
    sqlx::raw_sql(statement).execute(db).await.unwrap();
}

fn line(sku: &str) -> OrderLine {
    let unit_price = Money { amount_minor: 1, currency: "EUR".parse().unwrap() };
    OrderLine { sku: sku.parse().unwrap(), quantity: 1, unit_price, product_version: None }
}

/// Reserves all SKUs in an order of its own, and releases every third reservation.
async fn customer(mut db: PgConnection, number: u128) -> u64 {
    let mut lines = SKUS.map(line);
    lines.rotate_left(number as usize % SKUS.len());
    let mut held = 0;
    for order in 0..ORDERS {
        let order_id = OrderId(Uuid::from_u128(number << 64 | order));
        run(&mut db, "begin").await;
        let outcome = hold(&mut db, order_id, &lines, Timestamp::UNIX_EPOCH).await.unwrap();
        run(&mut db, "commit").await;
        if matches!(outcome, HoldOutcome::All(_)) {
            held += 1;
            if order % 3 == 0 {
                let released = end(&mut db, order_id, ReservationState::Released).await.unwrap();
                assert_eq!(released.len(), SKUS.len());
                held -= 1;
            }
        }
    }
    held
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn customers_side_by_side_neither_deadlock_nor_get_more_than_there_is() {
    let system = System { name: "shop", parts: vec![crate::Inventory::participant().part()] };
    let definitions = topology::definitions(&system, |_| String::new());
    let servers = Servers::shared().await.unwrap();
    let env = TestEnv::new(servers, "reservation", &definitions, &["inventory"]).await.unwrap();
    let mut db = connect(&env).await;
    run(&mut db, include_str!("../../../../../../migrations/inventory/0001_stock.sql")).await;
    for (sku, quantity) in SKUS.into_iter().zip([150, 120, 200, 130]) {
        let sku = sku.parse().unwrap();
        let goods = StockReceived { sku, quantity, receipt: "note".to_owned() };
        stock::receive(&mut db, &goods, Timestamp::UNIX_EPOCH).await.unwrap();
    }
    let mut customers = Vec::new();
    for number in 0..6 {
        customers.push(tokio::spawn(customer(connect(&env).await, number)));
    }
    let mut held = 0;
    for customer in customers {
        held += customer.await.unwrap();
    }
    assert_eq!(held, 120, "as many as there are of the rarest");
    let on_hand: Vec<i64> = sqlx::query_scalar("select on_hand from stock order by sku")
        .fetch_all(&mut db)
        .await
        .unwrap();
    assert_eq!(on_hand, [30, 0, 80, 10]);
    env.close().await.unwrap();
}
