//! Tests of the example `local_step`.

use concepts::local_step::{self, TicketsPrinted};
use concepts::ticket_order::OrderConfirmed;

use crate::world::World;

#[tokio::test]
async fn tickets_are_printed_once_however_often_the_event_comes() {
    let world = World::new("local", vec![local_step::service()]).await;
    let (order_id, message_id) = (world.new_id(), world.new_id());
    let confirmed = OrderConfirmed { order_id, guest: "Ada".to_owned(), seats: 3 };
    for _ in 0..2 {
        world.publish_as("box_office", message_id, Some(order_id), &confirmed).await;
    }
    // Under an id of its own, too.
    world.publish(order_id, &confirmed).await;
    // There is one lane: what comes after these has not come before.
    let other = world.new_id();
    world.publish(other, &OrderConfirmed { order_id: other, seats: 1, ..confirmed }).await;
    assert_eq!(world.event::<TicketsPrinted>(other).await.tickets, 1);
    assert_eq!(world.event::<TicketsPrinted>(order_id).await.tickets, 3);
    let printed = format!("select count(*) from ticket where order_id = '{order_id}'");
    assert_eq!(world.value::<i64>("door", &printed).await, 3);
    world.close(0).await;
}
