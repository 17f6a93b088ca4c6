//! What happens to a foreign producer's messages, and what the producer can learn of it.
use ballet::{Event, EventType, Failure, Migration, Tx};
use ballet_amqp::BasicProperties;
use ballet_amqp::headers::{DEAD_DETAIL, DEAD_REASON, DEAD_SERVICE, text_header};
use ballet_stage::{Method, wait_until};
use lapin::message::BasicGetMessage;
use lapin::options::{BasicGetOptions, BasicPublishOptions, ConfirmSelectOptions};
use lapin::{Channel, Confirmation, Connection, ConnectionProperties};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::scene::in_queue;
use crate::world::{SOON, TripWorld, WorldPart, part};

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub(crate) struct WishMade {
    wish: String,
}

impl Event for WishMade {
    const TYPE: EventType = EventType::plain("desk.wish_made.v1").also_from(&["agency"]);
}

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
struct FairOpened {
    city: String,
}

impl Event for FairOpened {
    const TYPE: EventType = EventType::plain("desk.fair_opened.v1").also_from(&["agency", "fair"]);
}

const TABLES: &[Migration] =
    &[Migration { name: "0001_wish", sql: "create table wish (wish text not null)" }];

#[ballet::service("clerk")]
impl Clerk {
    #[projects]
    async fn wishes(tx: &mut Tx<'_>, made: WishMade) -> Result<(), Failure> {
        if made.wish == "the moon" {
            return Err(Failure::permanent("nobody sells it"));
        }
        sqlx::query("insert into wish values ($1)").bind(made.wish).execute(tx.db()).await?;
        Ok(())
    }

    #[projects]
    async fn fairs(_: &mut Tx<'_>, _: FairOpened) -> Result<(), Failure> {
        Ok(())
    }
}

pub(crate) fn clerk() -> WorldPart {
    part(Clerk::participant(), TABLES)
}

struct Producer<'a> {
    name: &'static str,
    world: &'a TripWorld,
    channel: Channel,
    // Closed with the producer.
    _connection: Connection,
}

impl<'a> Producer<'a> {
    async fn new(world: &'a TripWorld, name: &'static str) -> Self {
        let url = world.env.amqp_url(name);
        let connection = Connection::connect(url, ConnectionProperties::default()).await.unwrap();
        let channel = connection.create_channel().await.unwrap();
        channel.confirm_select(ConfirmSelectOptions::default()).await.unwrap();
        Self { name, world, channel, _connection: connection }
    }

    async fn publish(&self, event: EventType, app_id: Option<&str>, body: &str) -> String {
        let id = self.world.new_id();
        let mut properties = BasicProperties::default().with_message_id(id.as_str().into());
        if let Some(app_id) = app_id {
            properties = properties.with_app_id(app_id.into());
        }
        let (key, options) = (event.name().into(), BasicPublishOptions::default());
        let sent =
            self.channel.basic_publish("events".into(), key, options, body.as_bytes(), properties);
        assert!(matches!(sent.await.unwrap().await.unwrap(), Confirmation::Ack(_)));
        id
    }

    async fn next(&self) -> Option<BasicGetMessage> {
        let queue = format!("{}.returned", self.name);
        let options = BasicGetOptions { no_ack: true };
        self.channel.basic_get(queue.as_str().into(), options).await.unwrap()
    }

    /// Waits for what comes back.
    async fn returned(&self) -> BasicGetMessage {
        wait_until("what comes back", SOON, || async { Ok::<_, String>(self.next().await) })
            .await
            .unwrap()
    }
}

fn header(message: &BasicGetMessage, name: &str) -> String {
    text_header(&message.properties, name).unwrap_or_default().to_owned()
}

fn id(message: &BasicGetMessage) -> &str {
    message.properties.message_id().as_ref().unwrap().as_str()
}

#[tokio::test]
async fn a_producer_gets_its_dead_letters_back_with_its_own_user() {
    let world = TripWorld::new("returned", vec![clerk()]).await;
    let agency = Producer::new(&world, "agency").await;
    // Wrong, with and without a name, with a forged one, and one that a handler refuses.
    let wrong = r#"{ "wish": 7 }"#;
    let wish = WishMade::TYPE;
    for (app_id, body, reason, said) in [
        (Some("agency"), wrong, "wrong_shape", "wish: a string is wanted"),
        (None, wrong, "wrong_shape", "wish: a string is wanted"),
        (Some("porter"), r#"{"wish":"tea"}"#, "forged_app_id", "may not publish"),
        (Some("agency"), r#"{"wish":"the moon"}"#, "permanent", "nobody sells it"),
    ] {
        let published = agency.publish(wish, app_id, body).await;
        let back = agency.returned().await;
        assert_eq!(id(&back), published);
        assert_eq!(back.data, body.as_bytes(), "each byte");
        assert_eq!(header(&back, DEAD_REASON), reason);
        assert_eq!(header(&back, DEAD_SERVICE), "clerk");
        assert!(header(&back, DEAD_DETAIL).contains(said), "{}", header(&back, DEAD_DETAIL));
    }
    in_queue(&world, "clerk.dead", 4).await;

    // Producers are distinguished by name; without it nothing comes back. The event's own service and an operator are
    // no producers.
    let fair = Producer::new(&world, "fair").await;
    let opened = FairOpened::TYPE;
    agency.publish(opened, None, "{}").await;
    agency.publish(opened, Some("desk"), "{}").await;
    let properties = json!({ "type": wish.name(), "app_id": "agency" });
    let management = world.env.management();
    management.publish("amq.default", "clerk", &properties, wrong).await.unwrap();
    let of_fair = fair.publish(opened, Some("fair"), "{}").await;
    assert_eq!(id(&fair.returned().await), of_fair);
    in_queue(&world, "clerk.dead", 8).await;
    assert!(agency.next().await.is_none() && fair.next().await.is_none());

    // Nobody reads what belongs to another.
    for queue in ["fair.returned", "clerk.dead", "clerk", "journal"] {
        let channel = Producer::new(&world, "agency").await.channel;
        let refused = channel.basic_get(queue.into(), BasicGetOptions { no_ack: true }).await;
        let refused = refused.expect_err(queue).to_string();
        assert!(refused.contains("ACCESS_REFUSED") || refused.contains("403"), "{refused}");
    }

    // A producer that never reads holds up nobody, and keeps the latest.
    let full = json!({ "pattern": r"^agency\.returned$", "apply-to": "queues", "priority": 9,
        "definition": { "max-length": 2, "overflow": "drop-head" } });
    let path = ["policies", world.env.vhost(), "full"];
    management.call(Method::PUT, &path, Some(&full)).await.unwrap();
    let mut published = Vec::new();
    for _ in 0..20 {
        published.push(agency.publish(wish, Some("agency"), "{}").await);
    }
    agency.publish(wish, Some("agency"), r#"{"wish":"tea"}"#).await;
    world.until_count("clerk", "wish", 1).await;
    in_queue(&world, "clerk.dead", 28).await;
    let kept = in_queue(&world, "agency.returned", 2).await;
    let kept: Vec<_> = kept.iter().map(|m| m["properties"]["message_id"].clone()).collect();
    assert!(kept.iter().all(|id| published.iter().any(|one| id == one)), "{kept:?}");
}
