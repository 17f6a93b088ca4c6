//! Streams. A session reads each at most once.

use std::sync::Arc;

use ballet_amqp::{
    BasicProperties, Broker, Publish, Publisher, PublisherSettings, RabbitMq, StreamStart,
};
use ballet_stage::Method;
use futures_util::StreamExt;
use serde_json::json;
use tokio::time::timeout;

use ballet_testkit::wire::clients::SOON;

use crate::rabbitmq::env;

/// On one session, a few of a hundred are lost.
#[tokio::test]
async fn what_comes_between_a_look_at_the_end_and_reading_is_read_by_another_session() {
    let env = env("streams").await;
    let broker: Arc<dyn Broker> = Arc::new(RabbitMq::new(env.ops_amqp_url()).unwrap());
    let settings = PublisherSettings::new("test", "1");
    let publisher = Publisher::start(Arc::clone(&broker), settings, Arc::new(|_| {}));
    for stream in 0..20 {
        let stream = format!("stream{stream}");
        let path = ["queues", env.vhost(), &stream];
        let queue = json!({ "durable": true, "arguments": { "x-queue-type": "stream" } });
        env.management().call(Method::PUT, &path, Some(&queue)).await.unwrap();
        let (looks, reads) = tokio::join!(broker.connect(&stream), broker.connect(&stream));
        let (looks, reads) = (looks.unwrap(), reads.unwrap());
        let nothing = looks.consume_stream(&stream, &stream, 1, StreamStart::Last).await.unwrap();
        let message = Publish {
            exchange: String::new(),
            routing_key: stream.clone(),
            mandatory: true,
            properties: BasicProperties::default(),
            body: "x".into(),
        };
        let sent = publisher.publish_now(message, SOON);
        let read = async {
            looks.cancel(&stream).await.unwrap();
            // Not by a time: in an empty stream the broker passes over what comes just then.
            let from = StreamStart::Offset(0);
            let mut deliveries = reads.consume_stream(&stream, &stream, 10, from).await.unwrap();
            timeout(SOON, deliveries.next()).await.unwrap().unwrap().unwrap()
        };
        let (sent, read) = tokio::join!(sent, read);
        sent.unwrap();
        assert_eq!(&*read.body, b"x");
        drop(nothing);
        tokio::join!(looks.close(), reads.close());
    }
    publisher.stop(SOON).await;
    env.close().await.unwrap();
}
