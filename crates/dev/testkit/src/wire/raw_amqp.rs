//! AMQP 0-9-1 by hand, for messages that no proper client sends.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

const METHOD: u8 = 1;
const HEADER: u8 = 2;
const BODY: u8 = 3;
const FRAME_END: u8 = 0xce;

/// A property, in the order of AMQP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Property {
    Headers = 2,
    DeliveryMode = 3,
    CorrelationId = 5,
    MessageId = 8,
    Type = 10,
    AppId = 12,
}

/// A message whose properties may be any bytes.
#[derive(Debug)]
pub struct RawMessage<'a> {
    pub queue: &'a str,
    /// Each property with its text, in any order. The text of `Headers` is the encoded entries of the table.
    pub properties: &'a [(Property, &'a [u8])],
    pub body: &'a [u8],
}

impl RawMessage<'_> {
    fn encoded(&self) -> Vec<u8> {
        let mut properties = self.properties.to_vec();
        properties.push((Property::DeliveryMode, &[2]));
        properties.sort_unstable();
        let flags = properties.iter().fold(0, |flags, (of, _)| flags | 1 << (15 - *of as u16));
        let mut encoded = u16::to_be_bytes(flags).to_vec();
        for (of, text) in properties {
            encoded.extend(match of {
                Property::Headers => long(text),
                Property::DeliveryMode => text.to_vec(),
                _ => short(text),
            });
        }
        encoded
    }
}

/// Publishes messages straight to a queue, and returns when the broker has confirmed them.
pub fn publish(url: &str, messages: &[RawMessage<'_>]) {
    let (user, rest) =
        url.strip_prefix("amqp://").and_then(|url| url.split_once('@')).expect("a URL");
    let (user, password) = user.split_once(':').expect("a password");
    let (address, vhost) = rest.split_once('/').expect("a virtual host");
    let mut stream = TcpStream::connect(address).expect("connected");
    stream.set_read_timeout(Some(Duration::from_secs(60))).expect("a limit");
    stream.write_all(b"AMQP\x00\x00\x09\x01").expect("written");
    expect(&mut stream, (10, 10));
    let secret = format!("\0{user}\0{password}");
    let start = [&long(b"")[..], &short(b"PLAIN"), &long(secret.as_bytes()), &short(b"en_US")];
    call(&mut stream, 0, (10, 11), &start.concat());
    expect(&mut stream, (10, 30));
    call(&mut stream, 0, (10, 31), &[0, 10, 0, 2, 0, 0, 0, 0]);
    call(&mut stream, 0, (10, 40), &[&short(vhost.as_bytes())[..], &[0, 0]].concat());
    expect(&mut stream, (10, 41));
    call(&mut stream, 1, (20, 10), &[0]);
    expect(&mut stream, (20, 11));
    call(&mut stream, 1, (85, 10), &[0]);
    expect(&mut stream, (85, 11));
    for message in messages {
        let queue = short(message.queue.as_bytes());
        call(&mut stream, 1, (60, 40), &[&[0, 0, 0], &queue[..], &[0]].concat());
        let mut header = vec![0, 60, 0, 0];
        header.extend((message.body.len() as u64).to_be_bytes());
        header.extend(message.encoded());
        frame(&mut stream, HEADER, 1, &header);
        frame(&mut stream, BODY, 1, message.body);
        expect(&mut stream, (60, 80));
    }
}

pub fn short(text: &[u8]) -> Vec<u8> {
    [&[u8::try_from(text.len()).expect("a short text")], text].concat()
}

pub fn long(bytes: &[u8]) -> Vec<u8> {
    [&u32::try_from(bytes.len()).expect("a length").to_be_bytes(), bytes].concat()
}

fn frame(stream: &mut TcpStream, kind: u8, channel: u16, payload: &[u8]) {
    let start = [&[kind], &channel.to_be_bytes()[..]].concat();
    stream.write_all(&[&start, &long(payload)[..], &[FRAME_END]].concat()).expect("written");
}

fn call(stream: &mut TcpStream, channel: u16, (class, method): (u16, u16), arguments: &[u8]) {
    let name = [class.to_be_bytes(), method.to_be_bytes()].concat();
    frame(stream, METHOD, channel, &[&name, arguments].concat());
}

fn expect(stream: &mut TcpStream, (class, method): (u16, u16)) {
    let mut start = [0; 7];
    stream.read_exact(&mut start).expect("read");
    let length = u32::from_be_bytes(start[3..].try_into().expect("four bytes"));
    let mut payload = vec![0; usize::try_from(length).expect("a length") + 1];
    stream.read_exact(&mut payload).expect("read");
    let name = [class.to_be_bytes(), method.to_be_bytes()].concat();
    assert_eq!(payload[..4], name, "the broker says {:?}", String::from_utf8_lossy(&payload));
}
