//! Tests of how a pass and a run end.

use std::time::Duration;

use ballet_amqp::{BasicProperties, Broker, Publish, Session};
use ballet_core::{Part, System, topology};
use ballet_testkit::memory::MemoryBroker;
use tokio::sync::{mpsc, watch};

use super::*;
use crate::redrive::dead_letter::DeadLetter;
use crate::redrive::queue::DeadLetters;
use crate::redrive::reader::LetterReading;

const SILENT: &str = "silent";

#[derive(Debug, Clone, Copy)]
enum ReadingEnd {
    AtItsEnd,
    WhenClosed,
    Silent,
    Panics,
}

struct FakeSource(MemoryBroker, ReadingEnd);

impl MessageSource for FakeSource {
    fn service(&self) -> &'static str {
        "hotel"
    }

    async fn connect(&self) -> Result<Arc<dyn Session>, RedriveError> {
        Ok(self.0.connect("test").await?)
    }

    async fn check(&self, _session: &dyn Session) -> Result<(), RedriveError> {
        Ok(())
    }

    fn read(&self) -> LetterReading {
        let (sender, messages) = mpsc::channel(1);
        let ends = self.1;
        let task = tokio::spawn(async move {
            match ends {
                ReadingEnd::AtItsEnd => {}
                ReadingEnd::WhenClosed => sender.closed().await,
                ReadingEnd::Silent => {
                    let error = RedriveError::NoJournal(SILENT.to_owned());
                    sender.send(Err(error)).await.ok();
                }
                ReadingEnd::Panics => panic!("as a test wants it"),
            }
        });
        LetterReading::of(messages, task)
    }

    async fn wait_until_returned(&self, _left: u64) -> Result<(), RedriveError> {
        Ok(())
    }

    async fn holds_more_than(&self, _left: u64) -> Result<bool, RedriveError> {
        Ok(false)
    }
}

fn keep_all() -> PassAction<'static> {
    PassAction::new(|_| None)
}

async fn run_to(ends: ReadingEnd) -> Result<bool, RedriveError> {
    let source = FakeSource(MemoryBroker::new(), ends);
    run(&source, &mut keep_all(), &RedriveOptions::plain()).await
}

#[tokio::test]
async fn t180_a_reading_that_breaks_off_is_not_taken_for_the_end() {
    assert!(!run_to(ReadingEnd::AtItsEnd).await.expect("read"));
    let silent = run_to(ReadingEnd::Silent).await;
    assert!(matches!(&silent, Err(RedriveError::NoJournal(why)) if why == SILENT), "{silent:?}");
    let panicked = run_to(ReadingEnd::Panics).await;
    assert!(matches!(panicked, Err(RedriveError::Reader(_))), "{panicked:?}");
}

#[tokio::test]
async fn t180_a_source_that_holds_nothing_is_read_without_a_limit() {
    let (_sender, mut stop) = watch::channel(false);
    for (longest, ends, expected) in [
        (Some(Duration::ZERO), ReadingEnd::WhenClosed, PassEnd::TimeUp),
        (None, ReadingEnd::AtItsEnd, PassEnd::Read),
    ] {
        let source = FakeSource(MemoryBroker::new(), ends);
        let session = source.connect().await.expect("a session");
        let (mut action, options) = (keep_all(), RedriveOptions::plain());
        let removed = HashSet::new();
        let pass = Pass::open(session, "hotel", &mut action, &options, &removed).await;
        let mut reading = source.read();
        let ended = pass.expect("open").run(&mut reading, longest, &mut stop).await;
        assert_eq!(ended.expect("ended"), expected);
        reading.close().await.expect("closed");
    }
}

fn resent(dead_letter: &DeadLetter) -> Option<Vec<Publish>> {
    let body = dead_letter.body.clone().into();
    let properties = dead_letter.properties.clone();
    let (exchange, routing_key) = (String::new(), "hotel".to_owned());
    Some(vec![Publish { exchange, routing_key, mandatory: true, properties, body }])
}

#[tokio::test]
async fn t80_dead_letters_whose_acknowledgements_were_lost_are_removed_again_and_not_sent_again() {
    let definitions = topology::definitions(
        &System { name: "trips", parts: vec![Part { service: "hotel", ..Part::default() }] },
        |_| String::new(),
    );
    let broker = MemoryBroker::with_definitions(&definitions);
    for number in 0..5 {
        broker.put(&Publish {
            exchange: String::new(),
            routing_key: "hotel.dead".to_owned(),
            mandatory: true,
            properties: BasicProperties::default().with_message_id(format!("{number}").into()),
            body: format!("{number}").into(),
        });
    }
    broker.lose_next_acks(2);
    let queue = DeadLetters::new(broker.clone(), "hotel");
    let options = RedriveOptions::plain();
    let summary = run_to_end(&queue, PassAction::new(resent), &options).await.expect("done");
    assert!(!summary.stopped && summary.failures.is_empty(), "{summary:?}");
    assert_eq!((broker.ready("hotel.dead").len(), broker.ready("hotel").len()), (0, 5));
    assert_eq!(summary.removed, 5, "none is counted twice");
}
