//! Tests of how a pass and a run end.

use std::time::Duration;

use ballet_amqp::{Broker, Session};
use ballet_testkit::memory::MemoryBroker;
use tokio::sync::{mpsc, watch};

use super::*;
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
        let pass = Pass::open(session, "hotel", &mut action, &options).await;
        let mut reading = source.read();
        let ended = pass.expect("open").run(&mut reading, longest, &mut stop).await;
        assert_eq!(ended.expect("ended"), expected);
        reading.close().await.expect("closed");
    }
}
