//! Tests of the example `local_step`.

use ballet::SagaId;
use ballet_testkit::TestSystem;
use concepts::local_step::{self, TicketsPrinted};
use concepts::ticket_order::OrderConfirmed;

#[tokio::test]
async fn tickets_are_printed_once_however_often_the_event_comes() {
    let system = TestSystem::new("local", vec![local_step::service()]).await;
    let (order_id, message_id) = (system.new_id(), system.new_id());
    let confirmed = OrderConfirmed { order_id, guest: "Ada".to_owned(), seats: 3 };
    for _ in 0..2 {
        system.publish_as(message_id, "box_office", Some(SagaId(order_id)), &confirmed).await;
    }
    // Under an id of its own, too.
    system.publish(order_id, &confirmed).await;
    // There is one lane, so what comes later has not come before.
    let other = system.new_id();
    system.publish(other, &OrderConfirmed { order_id: other, seats: 1, ..confirmed }).await;
    assert_eq!(system.event::<TicketsPrinted>(other).await.tickets, 1);
    assert_eq!(system.event::<TicketsPrinted>(order_id).await.tickets, 3);
    let printed = format!("select count(*) from ticket where order_id = '{order_id}'");
    assert_eq!(system.value::<i64>("door", &printed).await, 3);
    system.close(0).await;
}
