//! All services together: what they declare, an order that is paid, and one that is cancelled.

use ballet::Service;
use ballet::core::System;
use ballet_testkit::TestSystem;
use concepts::compensate::PopcornPutBack;
use concepts::local_step::TicketsPrinted;
use concepts::refuse::SeatsFreed;
use concepts::settings::GuestGreeted;
use concepts::ticket_order::{CardDeclined, OrderCancelled};
use concepts::{
    begin_a_saga, bulk_step, call_outside, compensate, copy, deadline, failures, local_step, query,
    refuse, repeat, settings, share, telemetry, two_versions, upcast, watch,
};
use jiff::SignedDuration;
use serde_json::json;

use crate::answers::id;
use crate::call_outside::Processor;
use crate::settings::defaults;

async fn of_the_order(processor: &Processor) -> Vec<Service> {
    vec![
        begin_a_saga::service(),
        compensate::service(),
        refuse::service(),
        call_outside::service(processor.client().await),
        local_step::service(),
        bulk_step::service(),
        query::service(),
        settings::service(defaults()),
    ]
}

#[tokio::test]
async fn the_declarations_of_all_services_are_sound() {
    let mut services = of_the_order(&Processor::default()).await;
    services.extend([
        deadline::service(SignedDuration::from_mins(15)),
        share::service(),
        copy::service(),
        two_versions::service(1),
        upcast::service(),
        failures::service(),
        repeat::service(),
        telemetry::service(),
        watch::service(SignedDuration::from_secs(30)),
    ]);
    let parts: Vec<_> = services.iter().map(Service::part).collect();
    let names: Vec<&str> = parts.iter().map(|part| part.service).collect();
    ballet_testkit::assert_sound(&System { name: "cinema", parts });

    // The crate's table names each example with its service, and the page has the same examples.
    let code = include_str!("../../src/lib.rs").lines();
    let code: Vec<&str> = code.filter(|line| line.contains("| [`")).collect();
    for name in &names {
        let with = code.iter().filter(|row| row.contains(&format!("| `{name}` |")));
        assert_eq!(with.count(), 1, "the crate's table has one row for {name}");
    }
    assert_eq!(code.len(), names.len(), "the crate's table");
    let page = include_str!("../../../../docs/examples.md").lines();
    let page: Vec<&str> = page.filter(|line| line.contains("| [")).collect();
    for row in &code {
        let example = row.split('`').nth(1).expect("an example");
        let with = page.iter().filter(|line| line.contains(&format!("| [{example}.rs](")));
        assert_eq!(with.count(), 1, "the page has one row for {example}");
    }
    assert_eq!(page.len(), names.len(), "the page's table");
}

#[tokio::test]
async fn an_order_is_paid_and_another_one_is_taken_back_by_everybody() {
    let processor = Processor::default();
    let system = TestSystem::new("cinema", of_the_order(&processor).await).await;
    let wish = |card: &str| json!({ "guest": "Ada", "show": "premiere", "seats": 2, "popcorn": 3, "card": card });

    let declined = id(system.post("box_office", "/orders", &wish("card_stolen")).await);
    system.event::<CardDeclined>(declined).await;
    assert_eq!(system.event::<OrderCancelled>(declined).await.reason, "no such card");
    system.event::<SeatsFreed>(declined).await;
    assert_eq!(system.event::<PopcornPutBack>(declined).await.bags, 3);

    // The seats are free again.
    let paid = id(system.post("box_office", "/orders", &wish("card_good")).await);
    assert_eq!(system.event::<TicketsPrinted>(paid).await.tickets, 2);
    assert_eq!(system.event::<GuestGreeted>(paid).await.text, "Welcome, Ada!");
    system.until("club", "select coalesce(sum(points), 0)::bigint from member", 20).await;
    system.until("board", "select count(*) from sale", 1).await;

    let late = id(system.post("box_office", "/orders", &wish("card_good")).await);
    assert_eq!(system.event::<OrderCancelled>(late).await.reason, "sold out");
    assert_eq!(system.event::<PopcornPutBack>(late).await.bags, 3);
    assert_eq!(system.value::<i64>("snack_bar", "select bags::bigint from shelf").await, 97);
    assert_eq!(processor.done(), ["charges", "charges"], "one of them declined");
    system.close(0).await;
}
