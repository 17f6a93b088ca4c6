//! Tests of the example `bulk_step`.

use ballet_testkit::TestSystem;
use concepts::bulk_step::{self, PointsGranted};
use concepts::ticket_order::OrderConfirmed;

const ORDERS: u16 = 30;

#[tokio::test]
async fn every_order_gets_its_points_also_two_of_one_guest_in_one_statement() {
    let club = bulk_step::service();
    let mut system = TestSystem::asleep("bulk", vec![club.part()]).await;
    let mut orders = Vec::new();
    for number in 0..ORDERS {
        let (order_id, guest) = (system.new_id(), ["Ada", "Bo", "Cy"][usize::from(number % 3)]);
        let seats = number % 4 + 1;
        let order = OrderConfirmed { order_id, guest: guest.to_owned(), seats };
        system.publish(order_id, &order).await;
        orders.push(order);
    }
    // All wait, so they are taken as a batch.
    system.start(club).await;
    let points = |order: &OrderConfirmed| i64::from(order.seats) * 10;
    let total: i64 = orders.iter().map(points).sum();
    system.until("club", "select coalesce(sum(points), 0)::bigint from member", total).await;
    for guest in ["Ada", "Bo", "Cy"] {
        let of_guest = orders.iter().filter(|order| order.guest == guest).map(points);
        let sql = format!("select points from member where guest = '{guest}'");
        assert_eq!(system.value::<i64>("club", &sql).await, of_guest.sum::<i64>(), "{guest}");
    }
    for order in &orders {
        let granted: PointsGranted = system.event(order.order_id).await;
        assert_eq!((granted.order_id, granted.points), (order.order_id, points(order)));
    }
    system.close(0).await;
}
