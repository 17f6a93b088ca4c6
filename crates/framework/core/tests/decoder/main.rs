//! The decoder takes or refuses any message, always in the same way, and never panics.
//!
//! `BALLET_DECODER_CASES` sets the number of messages, and `BALLET_SEED` the seed they are made from.

mod message;

use std::cell::RefCell;
use std::collections::BTreeSet;

use ballet_core::Reason;
use ballet_core::envelope::{HeaderSize, Limits};
use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{RngSeed, TestRunner};

use crate::message::{NAME, OwnedMessage, SOME_ID, refusal};

const EVENT: &str =
    r#"{"lines":[{"sku":"mug","quantity":1}],"note":"\u00e4\ud83e\udd73","more":{"a":[1e3]}}"#;

fn word() -> impl Strategy<Value = String> {
    const WORDS: &[&str] = &[
        "",
        "1.0",
        "7",
        "cart",
        "storefront",
        "orders",
        "utf-8",
        "gzip",
        "application/json",
        "application/cloudevents+json",
        NAME,
        "cart.checked_out.v2",
        "cart.left_alone.v1",
        SOME_ID,
        "ffffffff-ffff-7fff-bfff-ffffffffffff",
        "01900000-0000-7000-8000-000000000000",
        "01000000-0000-7000-8000-000000000000",
    ];
    prop_oneof![4 => select(WORDS).prop_map(str::to_owned), 1 => ".{0,60}"]
}

fn body() -> impl Strategy<Value = Vec<u8>> {
    let cloud =
        format!(r#"{{"specversion":"1.0","id":"7","source":"/","type":"{NAME}","data":{EVENT}}}"#);
    let big = vec![b' '; 2 * Limits::default().max_body];
    let good = select(vec![EVENT.as_bytes().to_vec(), cloud.into_bytes()]);
    let changes = vec((any::<prop::sample::Index>(), any::<u8>()), 1..4);
    let broken = (good.clone(), changes).prop_map(|(mut body, changes)| {
        for (at, byte) in changes {
            let at = at.index(body.len());
            if byte % 3 == 0 {
                body.truncate(at.max(1));
            } else {
                body[at] = byte;
            }
        }
        body
    });
    let deep = (0..200_usize).prop_map(|depth| "[".repeat(depth).into_bytes());
    prop_oneof![
        40 => good, 40 => broken, 10 => deep, 10 => vec(any::<u8>(), 0..200), 1 => Just(big),
    ]
}

/// A message that is mostly good, with one or two mistakes in it.
fn message() -> impl Strategy<Value = OwnedMessage> {
    let seldom = || prop_oneof![4 => Just(None), 1 => of(word())];
    let structured = Just(Some("application/cloudevents+json".to_owned()));
    let names = (
        select(vec!["events", ""]),
        prop_oneof![6 => Just(NAME.to_owned()), 1 => word()],
        seldom(),
        seldom(),
        seldom(),
        seldom(),
    );
    let content = (prop_oneof![2 => Just(None), 1 => of(word()), 1 => structured], seldom());
    const ATTRIBUTES: &[&str] =
        &["id", "type", "source", "specversion", "correlationid", "datacontenttype"];
    let header = (select(&["cloudEvents_", "cloudEvents:", "ce-", "x-"]), select(ATTRIBUTES));
    let header = (header.prop_map(|(prefix, name)| format!("{prefix}{name}")), word());
    let headers = prop_oneof![3 => Just(Vec::new()), 1 => vec(header, 0..3)];
    let size = (0..100_usize, 0..50_000_usize, 0..12_usize)
        .prop_map(|(count, bytes, depth)| HeaderSize { count, bytes, depth });
    let size = prop_oneof![20 => Just(HeaderSize::default()), 1 => size];
    let unkept = prop_oneof![20 => Just(None), 1 => Just(Some(("price", "it is a decimal")))];
    let odd = (prop_oneof![20 => Just(false), 1 => Just(true)], unkept);
    (names, content, headers, size, odd, body()).prop_map(|parts| {
        let (names, content, headers, size, (carbon_copy, unkept_header), body) = parts;
        let (exchange, routing_key, event_type, message_id, correlation_id, app_id) = names;
        let (content_type, content_encoding) = content;
        OwnedMessage {
            exchange,
            routing_key,
            event_type,
            message_id,
            correlation_id,
            app_id,
            content_type,
            content_encoding,
            headers,
            size,
            carbon_copy,
            unkept_header,
            body,
        }
    })
}

fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

#[test]
fn whatever_comes_is_taken_or_refused_the_same_way_every_time() {
    let seed = number("BALLET_SEED", 1);
    let mut runner = TestRunner::new(ProptestConfig {
        cases: u32::try_from(number("BALLET_DECODER_CASES", 8_000)).expect("fewer than 2^32 cases"),
        rng_seed: RngSeed::Fixed(seed),
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    let seen = RefCell::new(BTreeSet::new());
    let run = runner.run(&message(), |message| {
        seen.borrow_mut().insert(refusal(&message).map_or("taken", |reason| reason.code()));
        Ok(())
    });
    run.unwrap_or_else(|failure| panic!("seed {seed}: {failure}"));
    // Every outcome that a reader can have is seen. The event starts a saga, and there are no packs, no handlers,
    // no inbox and no ledger.
    let not_here = [
        Reason::NotAPack,
        Reason::CrashLoop,
        Reason::UnreadableProperties,
        Reason::NoCorrelationId,
        Reason::TooOldToDeduplicate,
        Reason::SagaTooOld,
        Reason::Permanent,
        Reason::Failed,
        Reason::NotYet,
    ]
    .map(Reason::code);
    let all = Reason::ALL.iter().map(|reason| reason.code()).chain(["taken"]);
    let expected: BTreeSet<&str> = all.filter(|code| !not_here.contains(code)).collect();
    assert_eq!(*seen.borrow(), expected);
}

#[test]
fn the_producers_page_has_every_reason() {
    let page = include_str!("../../../../../docs/producers.md");
    let listed: Vec<&str> = page
        .lines()
        .skip_while(|line| *line != "| reason | what is wrong |")
        .skip(2)
        .map_while(|line| line.strip_prefix("| `")?.split('`').next())
        .collect();
    let all: Vec<&str> = Reason::ALL.iter().map(|reason| reason.code()).collect();
    assert_eq!(listed, all);
}
