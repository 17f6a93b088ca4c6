//! Frames that pass the filter: whole, in pieces, and broken in every way.

use lapin::BasicProperties;
use lapin::protocol::basic::parse_properties;
use proptest::prelude::*;

use crate::headers::names::ORIGINAL_BYTES;
use crate::headers::value::text_header;
use crate::rabbitmq::frames::content::{is_sound, repaired};
use crate::rabbitmq::frames::filter::FrameFilter;

fn frame(kind: u8, payload: &[u8]) -> Vec<u8> {
    let size = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&[kind, 0, 1], &size[..], payload, &[0xce]].concat()
}

fn short(text: &[u8]) -> Vec<u8> {
    [&[u8::try_from(text.len()).unwrap()], text].concat()
}

fn long(bytes: &[u8]) -> Vec<u8> {
    [&u32::try_from(bytes.len()).unwrap().to_be_bytes(), bytes].concat()
}

fn header(name: &[u8], kind: u8, value: &[u8]) -> Vec<u8> {
    [&short(name)[..], &[kind], value].concat()
}

/// A content header with headers, a message id, a type and an app id.
fn content(headers: &[u8], id: &[u8], kind: &[u8], app: &[u8]) -> Vec<u8> {
    let flags = (1_u16 << 13 | 1 << 7 | 1 << 5 | 1 << 3).to_be_bytes();
    let start = [0, 60, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9];
    [&start, &flags[..], &long(headers), &short(id), &short(kind), &short(app)].concat()
}

fn parsed(payload: &[u8]) -> Option<BasicProperties> {
    let (rest, properties) = parse_properties(payload.get(12..)?).ok()?;
    rest.is_empty().then_some(properties)
}

fn through(bytes: &[u8], pieces: &[usize]) -> Vec<u8> {
    let mut filter = FrameFilter::new(None);
    let (mut rest, mut out) = (bytes, Vec::new());
    let mut sizes = pieces.iter().cycle();
    let mut next = || *sizes.next().unwrap();
    loop {
        let mut taken = vec![0; next()];
        let count = filter.hand_out(&mut taken);
        out.extend_from_slice(&taken[..count]);
        if count > 0 {
            continue;
        }
        if rest.is_empty() {
            filter.finish();
            let mut taken = vec![0; bytes.len() + 10_000];
            let count = filter.hand_out(&mut taken);
            out.extend_from_slice(&taken[..count]);
            return out;
        }
        let room = filter.room();
        let count = next().min(room.len()).min(rest.len());
        room[..count].copy_from_slice(&rest[..count]);
        rest = &rest[count..];
        filter.filled(count);
    }
}

fn note(properties: &BasicProperties) -> serde_json::Value {
    serde_json::from_str(text_header(properties, ORIGINAL_BYTES).unwrap()).unwrap()
}

#[test]
fn what_is_no_text_is_described_and_the_rest_is_kept() {
    let price = header(b"price", b'D', &[2, 0, 0, 0, 9]);
    let bad_name = header(b"n\xff", b'S', &long(b"7"));
    let inside = header(b"deep", b'F', &long(&bad_name));
    let table = [&price[..], &bad_name, &inside, &header(b"last", b't', &[1])].concat();
    let payload = content(&table, b"an id", b"a\xff", b"\xf6");
    assert!(!is_sound(&payload) && parsed(&payload).is_none());
    let repaired = repaired(&payload, Vec::new(), 131_072).unwrap();
    assert!(is_sound(&repaired));
    let properties = parsed(&repaired).unwrap();
    assert_eq!(properties.message_id().as_ref().unwrap().as_str(), "an id");
    assert_eq!((properties.kind(), properties.app_id()), (&None, &None));
    let headers = properties.headers().clone().unwrap();
    let names: Vec<_> = headers.inner().keys().map(|name| name.as_str()).collect();
    assert_eq!(names, ["last", "price", ORIGINAL_BYTES]);
    let note = note(&properties);
    let parts: Vec<_> = note.as_array().unwrap().iter().map(|part| &part["part"]).collect();
    assert_eq!(parts, ["header `n\u{fffd}`", "header `deep`", "type", "app_id"]);
    assert_eq!((&note[2]["base64"], &note[2]["problem"]), (&"Yf8=".into(), &"is not UTF-8".into()));
}

#[test]
fn headers_that_are_nested_too_deep_are_taken_out() {
    let nested = |depth| {
        let inner = (0..depth).fold(Vec::new(), |inner, _| header(b"", b'F', &long(&inner)));
        content(&inner, b"", b"", b"")
    };
    assert!(is_sound(&nested(32)) && parsed(&nested(32)).is_some());
    let deep = nested(20_000);
    let properties = parsed(&repaired(&deep, Vec::new(), 131_072).unwrap()).unwrap();
    let note = note(&properties);
    assert_eq!(note[0]["problem"], "is nested too deep");
    assert_eq!(note[0]["of"], deep.len() - 12 - 2 - 4 - 3);
}

#[test]
fn a_frame_stays_within_the_limit_of_the_connection() {
    // The broker says it: most channels, longest frame, heartbeat.
    let tune = frame(1, &[0, 10, 0, 30, 0, 0, 0, 0, 0x20, 0, 0, 0]);
    let headers = header(b"big", b'S', &long(&[b'a'; 8100]));
    let broken = frame(2, &content(&headers, b"\xff", b"a type", b""));
    assert!(broken.len() < 8192);
    let out = through(&[&tune[..], &broken].concat(), &[100_000]);
    let repaired = &out[tune.len()..];
    assert!(repaired.len() <= 8192);
    let properties = parsed(&repaired[7..repaired.len() - 1]).unwrap();
    assert_eq!(properties.kind().as_ref().unwrap().as_str(), "a type");
    let note = note(&properties);
    assert_eq!((&note[0]["part"], &note[1]["part"]), (&"message_id".into(), &"headers".into()));
}

#[test]
fn it_fits_even_the_shortest_frame_with_the_longest_properties() {
    let bad = |app: &[u8]| content(b"", &[0xff; 255], &[0xff; 255], app);
    for room in [4088, 300] {
        let repaired = repaired(&bad(&[0xff; 255]), Vec::new(), room).unwrap();
        assert!(repaired.len() <= room && parsed(&repaired).is_some());
    }
}

/// Bytes that are often text, and often not.
fn bytes(most: usize) -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        3 => "[a-z]{0,20}".prop_map(String::into_bytes),
        1 => proptest::collection::vec(any::<u8>(), 0..most),
    ]
}

fn table() -> impl Strategy<Value = Vec<u8>> {
    let value = prop_oneof![
        bytes(200).prop_map(|text| (b'S', long(&text))),
        any::<[u8; 8]>().prop_map(|number| (b'l', number.to_vec())),
        (any::<u8>(), bytes(20)),
    ];
    let leaf = (bytes(100), value).prop_map(|(name, (kind, value))| header(&name, kind, &value));
    let leaves = proptest::collection::vec(leaf, 0..4).prop_map(|headers| headers.concat());
    leaves.prop_recursive(6, 40, 3, |inner| {
        let kind = prop_oneof![Just(b'F'), Just(b'A')];
        proptest::collection::vec((bytes(50), kind, inner), 1..3).prop_map(|nested| {
            let nested = nested.iter().map(|(name, kind, inner)| header(name, *kind, &long(inner)));
            nested.collect::<Vec<_>>().concat()
        })
    })
}

fn contents() -> impl Strategy<Value = Vec<u8>> {
    (table(), bytes(255), bytes(255), bytes(255))
        .prop_map(|(table, id, kind, app)| content(&table, &id, &kind, &app))
}

fn pieces() -> impl Strategy<Value = Vec<usize>> {
    proptest::collection::vec(prop_oneof![1..10_usize, 10..100_000_usize], 1..10)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_bytes_come_through_without_a_panic(
        bytes in proptest::collection::vec(any::<u8>(), 0..2000), pieces in pieces()
    ) {
        through(&bytes, &pieces);
        repaired(&bytes, Vec::new(), 4096);
    }

    #[test]
    fn what_counts_as_sound_is_what_lapin_can_parse(payload in contents(), cut in any::<prop::sample::Index>()) {
        prop_assert_eq!(is_sound(&payload), parsed(&payload).is_some());
        let cut = &payload[..cut.index(payload.len())];
        prop_assert_eq!(is_sound(cut), parsed(cut).is_some());
    }

    #[test]
    fn after_the_repair_lapin_can_parse_it(payload in contents(), cut in any::<prop::sample::Index>()) {
        for payload in [&payload[..], &payload[..14 + cut.index(payload.len() - 14)]] {
            let repaired = repaired(payload, Vec::new(), 131_072).unwrap();
            prop_assert!(is_sound(&repaired) && repaired.len() <= 131_072);
            prop_assert!(parsed(&repaired).is_some());
            prop_assert_eq!(&repaired[..12], &payload[..12]);
        }
    }

    #[test]
    fn sound_frames_come_through_as_they_are(
        frames in proptest::collection::vec(prop_oneof![
            bytes(5000).prop_map(|body| frame(3, &body)),
            bytes(300).prop_map(|method| frame(1, &[&[0, 60, 0, 80], &method[..]].concat())),
            contents().prop_filter("sound", |payload| is_sound(payload)).prop_map(|payload| frame(2, &payload)),
            Just(frame(8, b"")),
        ], 0..20),
        pieces in pieces(),
    ) {
        let frames = frames.concat();
        prop_assert!(through(&frames, &pieces) == frames);
    }

    #[test]
    fn broken_frames_come_through_alike_wherever_they_are_cut(
        frames in proptest::collection::vec(prop_oneof![
            bytes(5000).prop_map(|body| frame(3, &body)),
            contents().prop_map(|payload| frame(2, &payload)),
        ], 0..10),
        pieces in pieces(),
    ) {
        let frames = frames.concat();
        let whole = through(&frames, &[1_000_000]);
        prop_assert!(through(&frames, &pieces) == whole);
        prop_assert!(through(&whole, &pieces) == whole);
    }
}
