//! A broker by hand that confirms many messages with one acknowledgement after it has returned one of them. RabbitMQ
//! does so only when it is busy.

use std::collections::BTreeSet;

use ballet_amqp::{Broker, MessageConfirm, PublishOutcome, RabbitMq};
use futures_util::StreamExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use ballet_testkit::wire::clients::{SOON, message};

const METHOD: u8 = 1;
const HEADER: u8 = 2;
const BODY: u8 = 3;
const FRAME_END: u8 = 0xce;
const BURST: u64 = 1000;
const BURSTS: u64 = 20;

fn frame(kind: u8, channel: u16, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![kind];
    frame.extend(channel.to_be_bytes());
    frame.extend(u32::try_from(payload.len()).unwrap().to_be_bytes());
    frame.extend(payload);
    frame.push(FRAME_END);
    frame
}

fn method(channel: u16, class: u16, method: u16, arguments: &[u8]) -> Vec<u8> {
    let ids = [class.to_be_bytes(), method.to_be_bytes()].concat();
    frame(METHOD, channel, &[&ids, arguments].concat())
}

fn short(text: &str) -> Vec<u8> {
    [&[u8::try_from(text.len()).unwrap()], text.as_bytes()].concat()
}

/// Returns a message as it comes back, without a body.
fn returned(id: &str) -> Vec<u8> {
    let arguments =
        [&312_u16.to_be_bytes()[..], &short("NO_ROUTE"), &short("events"), &short("a.x")].concat();
    // The class, the weight, the size of the body, and that there is an id among the properties.
    let flags = 1_u16 << (15 - 8);
    let header = [&[0, 60, 0, 0], &[0; 8][..], &flags.to_be_bytes(), &short(id)].concat();
    [method(1, 60, 50, &arguments), frame(HEADER, 1, &header)].concat()
}

async fn serve(mut stream: TcpStream) {
    let mut protocol = [0; 8];
    stream.read_exact(&mut protocol).await.unwrap();
    // No properties, one mechanism, one language.
    let start = [&[0, 9, 0, 0, 0, 0, 0, 0, 0, 5][..], b"PLAIN", &[0, 0, 0, 5], b"en_US"].concat();
    stream.write_all(&method(0, 10, 10, &start)).await.unwrap();
    let mut published = 0;
    // The test has closed the connection if there is no more.
    while let Ok(kind) = stream.read_u8().await {
        let channel = stream.read_u16().await.unwrap();
        let size = stream.read_u32().await.unwrap();
        let mut payload = vec![0; usize::try_from(size).unwrap() + 1];
        stream.read_exact(&mut payload).await.unwrap();
        let answer = match (kind, payload.get(..4).unwrap_or_default()) {
            (METHOD, [0, 10, 0, 11]) => method(0, 10, 30, &[0, 0, 0, 2, 0, 0, 0, 0]),
            (METHOD, [0, 10, 0, 40]) => method(0, 10, 41, &[0]),
            (METHOD, [0, 10, 0, 50]) => method(0, 10, 51, &[]),
            (METHOD, [0, 20, 0, 10]) => method(channel, 20, 11, &[0; 4]),
            (METHOD, [0, 85, 0, 10]) => method(channel, 85, 11, &[]),
            (BODY, _) => {
                published += 1;
                if published % BURST > 0 {
                    continue;
                }
                let first = (published - BURST + 1).to_string();
                let ack = [&u64::to_be_bytes(published)[..], &[1]].concat();
                [returned(&first), method(1, 60, 80, &ack)].concat()
            }
            _ => continue,
        };
        stream.write_all(&answer).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_returned_message_is_told_from_those_that_one_ack_confirms_with_it() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("amqp://guest:guest@{}/x", listener.local_addr().unwrap());
    let serving = tokio::spawn(async move { serve(listener.accept().await.unwrap().0).await });
    let session = RabbitMq::new(&url).unwrap().connect("test").await.unwrap();
    let mut confirms = session.confirms().await.unwrap();
    for burst in 0..BURSTS {
        let numbers = burst * BURST + 1..=(burst + 1) * BURST;
        for number in numbers.clone() {
            assert_eq!(session.publish(message("a.x", &number.to_string())).unwrap(), number);
        }
        let (mut confirmed, mut returned) = (BTreeSet::new(), Vec::new());
        while ((confirmed.len() + returned.len()) as u64) < BURST {
            let answers = timeout(SOON, confirms.next()).await.expect("an answer");
            for MessageConfirm { number, outcome } in answers.unwrap().unwrap() {
                match outcome {
                    PublishOutcome::Ack => drop(confirmed.insert(number)),
                    _ => returned.push(number),
                }
            }
        }
        assert_eq!(returned, [*numbers.start()], "burst {burst}");
    }
    session.close().await;
    serving.await.unwrap();
}
