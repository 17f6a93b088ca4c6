//! Frames that pass the filter: whole, in pieces, and broken in every way.

use lapin::BasicProperties;
use lapin::protocol::basic::parse_properties;
use lapin::types::AMQPValue;
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

/// RabbitMQ takes a payload as long as a frame may be, and then sends the frame with its head. It also
/// adds headers, and other protocols have no frames of this kind.
#[test]
fn a_content_header_longer_than_a_frame_loses_its_headers() {
    let tune = frame(1, &[0, 10, 0, 30, 0, 0, 0, 2, 0, 0, 0, 0]);
    for (length, kind) in (131_073..=131_080)
        .chain([3_000_000])
        .flat_map(|length| [(length, &b"kind"[..]), (length, b"k\xff")])
    {
        let long_one = |size| {
            frame(2, &content(&header(b"h", b'S', &long(&vec![b'a'; size])), b"id", kind, b"app"))
        };
        let sent = long_one(length - long_one(0).len());
        assert_eq!(sent.len(), length);
        let rest = [frame(3, b"the body!"), frame(2, &content(b"", b"", b"", b""))].concat();
        let out = through(&[&tune[..], &sent, &rest].concat(), &[70_000]);
        let received = out.strip_prefix(&tune[..]).unwrap().strip_suffix(&rest[..]).unwrap();
        assert!(received.len() <= 131_072, "{length}: {}", received.len());
        let properties = parsed(&received[7..received.len() - 1]).unwrap();
        assert_eq!(properties.message_id().as_ref().unwrap().as_str(), "id");
        let note = note(&properties);
        let parts: Vec<_> = note.as_array().unwrap().iter().map(|part| &part["part"]).collect();
        let expected = if kind == b"kind" { &["headers"][..] } else { &["type", "headers"] };
        assert_eq!(parts, expected, "{length}");
    }
    let longest =
        131_072 - frame(2, &content(&header(b"h", b'S', &long(b"")), b"", b"", b"")).len();
    let fits = content(&header(b"h", b'S', &long(&vec![b'a'; longest])), b"", b"", b"");
    let both = [&tune[..], &frame(2, &fits)].concat();
    assert!(through(&both, &[70_000]) == both);
}

/// Only a broker without a limit sends one. lapin would parse it however deep it is nested.
#[test]
fn a_content_header_that_is_too_long_to_be_looked_at_loses_its_properties() {
    let mut headers = header(b"h", b'S', &long(&vec![b'a'; 33 * 1024 * 1024]));
    for _ in 0..40 {
        headers = header(b"", b'F', &long(&headers));
    }
    let sent = frame(2, &content(&headers, b"id", b"kind", b"app"));
    let rest = [frame(3, b"the body!"), frame(2, &content(b"", b"id", b"", b""))].concat();
    for pieces in [&[70_000][..], &[65_536, 7, 3, 1]] {
        let out = through(&[&sent[..], &rest].concat(), pieces);
        let received = out.strip_suffix(&rest[..]).unwrap();
        assert!(received.len() < 500, "{}", received.len());
        let payload = &received[7..received.len() - 1];
        assert_eq!(received[3..7], u32::try_from(payload.len()).unwrap().to_be_bytes());
        assert_eq!((received[0], received.last()), (2, Some(&0xce)));
        assert_eq!(payload[..12], sent[7..19], "the size of the body is kept");
        assert_eq!(note(&parsed(payload).unwrap())[0]["part"], "properties");
    }
}

#[test]
fn a_long_frame_leaves_no_more_room_than_before() {
    let mut filter = FrameFilter::new(None);
    let sent = frame(2, &content(&header(b"h", b'S', &long(&vec![b'a'; 900_000])), b"", b"", b""));
    for piece in sent.chunks(4096) {
        assert!(filter.room().len() <= 64 * 1024, "{}", filter.room().len());
        filter.room()[..piece.len()].copy_from_slice(piece);
        filter.filled(piece.len());
    }
    while filter.hand_out(&mut [0; 50_000]) > 0 {}
    assert!(filter.room().len() <= 64 * 1024, "{}", filter.room().len());
}

#[test]
fn it_fits_even_the_shortest_frame_with_the_longest_properties() {
    let bad = |app: &[u8]| content(b"", &[0xff; 255], &[0xff; 255], app);
    for room in [4088, 300] {
        let repaired = repaired(&bad(&[0xff; 255]), Vec::new(), room).unwrap();
        assert!(repaired.len() <= room && parsed(&repaired).is_some());
    }
}

#[test]
fn names_before_a_message_are_made_readable_and_described_in_its_headers() {
    let deliver =
        [&[0, 60, 0, 60][..], &short(b"tag"), &[0; 9], &short(b"events"), &short(b"k\xff")];
    let deliver = frame(1, &deliver.concat());
    let sound = frame(2, &content(b"", b"id", b"type", b"app"));
    let rest = [&frame(3, b"the body!")[..], &sound].concat();
    let out = through(&[&deliver[..], &sound, &rest].concat(), &[3, 50, 1]);
    let (method, others) = out.split_at(deliver.len());
    assert!(method.ends_with(b"\x02k?\xce"));
    let (repaired, others) = others.split_at(others.len() - rest.len());
    let properties = parsed(&repaired[7..repaired.len() - 1]).unwrap();
    assert_eq!(note(&properties)[0]["part"], "routing_key");
    assert_eq!(others, rest, "the next message is another one");
}

#[test]
fn lapin_reads_every_type_that_counts_as_sound() {
    for (kind, size) in [
        (b't', 1),
        (b'b', 1),
        (b'B', 1),
        (b's', 2),
        (b'u', 2),
        (b'I', 4),
        (b'i', 4),
        (b'l', 8),
        (b'L', 8),
        (b'f', 4),
        (b'd', 8),
        (b'D', 5),
        (b'T', 8),
        (b'V', 0),
        (b'U', 2),
    ] {
        let payload = content(&header(b"h", kind, &vec![0; size]), b"", b"", b"");
        assert!(is_sound(&payload), "{}", char::from(kind));
        let properties = parsed(&payload).unwrap();
        let headers = properties.headers().clone().unwrap();
        assert!(!matches!(headers.inner()["h"], AMQPValue::ShortString(_)));
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
