//! A copy of a database, as for staging: it is started with another broker, and has what the original has begun.

use ballet::Settings;

use crate::pressure::hotel::hotel;
use crate::pressure::stage::{PressureStage, TABLES};

const BEGUN: &str = "\
    insert into ballet.outbox_0 (owner, batch, position, message_id, event_type, saga_id, body, created_at) \
        values (4711, 1, 0, gen_random_uuid(), 'hotel.room_booked.v1', gen_random_uuid(), \
            '{\"city\": \"of the original\"}', now()); \
    insert into ballet.call (call_key, saga_id, step, key, undo, request, owner, created_at, next_at) \
        values (gen_random_uuid(), gen_random_uuid(), 'book_room', '', false, 'null', 0, now(), now())";

#[tokio::test(flavor = "multi_thread")]
async fn t126_a_copy_of_another_systems_database_is_refused_until_it_is_adopted() {
    let stage = PressureStage::new("copy", hotel()).await;
    stage.start(hotel()).await.stop().await;
    stage.execute(BEGUN).await;
    let elsewhere = |environment: Option<&str>| {
        let mut settings: Settings = stage.settings(stage.name());
        settings.amqp_url = Some("amqp://u:p@staging/other".to_owned());
        settings.environment = environment.map(str::to_owned);
        stage.service(hotel(), TABLES).start(settings)
    };
    for environment in [None, Some("staging")] {
        let refused = elsewhere(environment).await.expect_err("it is another's").to_string();
        assert!(refused.contains("the virtual host \"/\" of the broker in.memory"), "{refused}");
        assert!(refused.contains("select ballet.adopt('NAME')"), "{refused}");
    }
    stage.execute("select ballet.adopt('staging')").await;
    elsewhere(Some("production")).await.expect_err("it is staging's");
    let running = elsewhere(Some("staging")).await.expect("it was adopted");
    stage.book("Rome");
    stage.until_count("room", 1).await;
    running.stop().await;
    assert_eq!(stage.count("ballet.call").await, 0);
    let published = stage.broker.taken();
    let bodies: Vec<_> = published.iter().map(|one| String::from_utf8_lossy(&one.body)).collect();
    assert!(bodies.iter().all(|body| !body.contains("original")), "{bodies:?}");
}
