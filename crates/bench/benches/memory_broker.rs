//! The cost of a thousand messages on the in-memory broker: published with confirms, routed,
//! delivered and acknowledged.

use ballet::core::topology::{self, EVENTS};
use ballet_amqp::{BasicProperties, Broker, Publish};
use ballet_testkit::memory::MemoryBroker;
use bench::contestants::system::system;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use futures_util::StreamExt;
use tokio::runtime::Builder;

const MESSAGES: usize = 1000;

async fn pass_on(message: &Publish) {
    let broker =
        MemoryBroker::with_definitions(&topology::definitions(&system(), |_| String::new()));
    let session = broker.connect("bench").await.expect("a session");
    let mut deliveries = session.consume("b", "bench", 500).await.expect("a consumer");
    let mut confirms = session.confirms().await.expect("confirms");
    let (mut received, mut confirmed) = (0, 0);
    for _ in 0..MESSAGES {
        session.publish(message).expect("published");
    }
    while received < MESSAGES || confirmed < MESSAGES {
        tokio::select! {
            delivery = deliveries.next() => {
                let delivery = delivery.expect("a delivery").expect("a delivery");
                session.ack(delivery.tag, false).await.expect("acknowledged");
                received += 1;
            }
            answers = confirms.next() => {
                confirmed += answers.expect("answers").expect("answers").len();
            }
        }
    }
}

fn memory_broker(criterion: &mut Criterion) {
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    let message = Publish {
        exchange: EVENTS.to_owned(),
        routing_key: "a.opened.v1".to_owned(),
        mandatory: true,
        properties: BasicProperties::default().with_delivery_mode(2),
        body: vec![b'x'; 150].into(),
    };
    let mut group = criterion.benchmark_group("memory broker");
    group.throughput(Throughput::Elements(MESSAGES as u64));
    group.bench_function("publish, route, deliver, acknowledge", |bencher| {
        bencher.iter(|| runtime.block_on(pass_on(&message)));
    });
    group.finish();
}

criterion_group!(benches, memory_broker);
criterion_main!(benches);
