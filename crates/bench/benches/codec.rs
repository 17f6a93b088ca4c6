//! The cost of reading and writing one message: its envelope and its event.

use ballet::Event;
use ballet::core::envelope::{CONTENT_TYPE, Limits};
use ballet::core::{Envelope, Incoming, KnownEvents};
use bench::contestants::system::system;
use bench::saga4::contract::{Opened, Order};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

fn order() -> Order {
    Order {
        account: 7,
        amount: 1250,
        refused: false,
        fails_at: None,
        memo: "what an order says besides, in as many words as usual".to_owned(),
    }
}

fn codec(criterion: &mut Criterion) {
    let context = ballet::Clock::system();
    let now = context.now();
    let (message_id, saga_id) = (context.new_id(now).to_string(), context.new_id(now).to_string());
    let body = serde_json::to_vec(&Opened(order())).expect("an event is JSON");
    let known: KnownEvents = system().known_types().into_iter().collect();
    let limits = Limits::default();
    let incoming = Incoming {
        exchange: "events",
        routing_key: Opened::TYPE.name(),
        event_type: Some(Opened::TYPE.name()),
        message_id: Some(&message_id),
        correlation_id: Some(&saga_id),
        app_id: Some("a"),
        content_type: Some(CONTENT_TYPE),
        causation_id: Some(&message_id),
        body: &body,
        ..Incoming::default()
    };
    let mut group = criterion.benchmark_group("codec");
    group.throughput(Throughput::Elements(1));
    group.bench_function("read an envelope", |bencher| {
        bencher.iter(|| Envelope::read(&incoming, &known, &limits, now).expect("a good message"));
    });
    group.bench_function("decode an event", |bencher| {
        bencher.iter(|| serde_json::from_slice::<Opened>(&body).expect("a good event"));
    });
    let event = Opened(order());
    group.bench_function("encode an event", |bencher| {
        bencher.iter(|| serde_json::to_vec(&event).expect("an event is JSON"));
    });
    group.finish();
}

criterion_group!(benches, codec);
criterion_main!(benches);
