//! Recordings give back the original records, also before a cut at any byte.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use ballet_amqp::{AMQPValue, BasicProperties, FieldArray, FieldTable};
use ballet_ops::stream::{Record, Recording, RecordingHeader, RecordingWriter, Start};
use proptest::prelude::*;

struct TempPath(PathBuf);

impl TempPath {
    fn new(extension: &str) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("recording-{}-{number}.{extension}", std::process::id());
        Self(PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name))
    }
}

impl Drop for TempPath {
    fn drop(&mut self) {
        fs::remove_file(&self.0).ok();
    }
}

fn header() -> RecordingHeader {
    let begun = "2026-11-22T09:00:00Z".parse().expect("a time");
    RecordingHeader::new("shop", "127.0.0.1:5672", begun, Start::Offset(7))
}

fn plain(offset: u64, body: &[u8]) -> Record {
    Record {
        offset: Some(offset),
        time: Some("2026-11-22T09:00:01.25Z".parse().expect("a time")),
        exchange: "events".to_owned(),
        routing_key: "orders.order_placed.v1".to_owned(),
        properties: BasicProperties::default().with_message_id("1".into()),
        body: body.to_vec(),
    }
}

fn all(path: &Path) -> Vec<Record> {
    let recording = Recording::open(path).expect("a recording");
    recording.collect::<Result<_, _>>().expect("records")
}

fn value() -> impl Strategy<Value = AMQPValue> {
    let leaf = prop_oneof![
        Just(AMQPValue::Void),
        any::<bool>().prop_map(AMQPValue::Boolean),
        any::<i64>().prop_map(AMQPValue::LongLongInt),
        any::<i32>().prop_map(|n| AMQPValue::Double(f64::from(n) + 0.5)),
        "[ -~é]{0,20}".prop_map(|text| AMQPValue::LongString(text.into())),
        Just(AMQPValue::LongString(vec![0xff, 0xfe].into())),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4)
                .prop_map(|values| AMQPValue::FieldArray(FieldArray::from(values))),
            table(inner).prop_map(AMQPValue::FieldTable),
        ]
    })
}

fn table(value: impl Strategy<Value = AMQPValue>) -> impl Strategy<Value = FieldTable> {
    let name = "[a-z$]{1,6}";
    prop::collection::vec((name, value), 0..4).prop_map(|entries| {
        let mut table = FieldTable::default();
        for (name, value) in entries {
            table.insert(name.into(), value);
        }
        table
    })
}

fn body() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        Just(b"{\"total\": 1.10, \"total\":1e2}".to_vec()),
        Just(b" {\"blank\":\"before\"}".to_vec()),
        Just(b"{\n  \"lines\": 2\n}\n".to_vec()),
        Just(b"null".to_vec()),
        Just(Vec::new()),
        Just("\"é\\u00e9\\/ \u{2028}\"".as_bytes().to_vec()),
        "[ -~]{0,40}".prop_map(String::into_bytes),
        prop::collection::vec(any::<u8>(), 0..40),
    ]
}

fn record() -> impl Strategy<Value = Record> {
    (any::<u32>(), body(), prop::option::of(table(value())), any::<[bool; 4]>()).prop_map(
        |(offset, body, headers, has)| {
            let mut record = plain(u64::from(offset), &body);
            let mut properties = std::mem::take(&mut record.properties);
            if let Some(headers) = headers {
                properties = properties.with_headers(headers);
            }
            if has[0] {
                properties = properties.with_type("a".into()).with_priority(0);
            }
            if has[1] {
                properties = properties.with_timestamp(7).with_delivery_mode(2);
                properties = properties.with_reply_to("é\"\\".into()).with_expiration("1".into());
            }
            if has[2] {
                properties = properties.with_correlation_id("".into()).with_app_id("b".into());
                properties = properties.with_content_encoding("x".into());
            }
            if has[3] {
                properties = properties.with_user_id("u".into()).with_cluster_id("c".into());
                record.time = None;
                record.offset = None;
            }
            Record { properties, ..record }
        },
    )
}

fn cases() -> ProptestConfig {
    ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn what_is_read_is_what_was_written(
        records in prop::collection::vec(record(), 0..8),
        packed in any::<bool>(),
    ) {
        let place = TempPath::new(if packed { "gz" } else { "jsonl" });
        let mut writer = RecordingWriter::create(&place.0, &header()).expect("a file");
        for record in &records {
            writer.add(record).expect("added");
        }
        prop_assert_eq!(writer.finish().expect("finished"), records.len() as u64);
        let recording = Recording::open(&place.0).expect("a recording");
        prop_assert_eq!(recording.header(), &header());
        prop_assert_eq!(all(&place.0), records);
    }

    #[test]
    fn a_file_that_is_cut_anywhere_can_be_used_up_to_there(
        bodies in prop::collection::vec(body(), 1..12),
        packed in any::<bool>(),
        at in any::<prop::sample::Index>(),
    ) {
        let place = TempPath::new(if packed { "gz" } else { "jsonl" });
        let mut writer = RecordingWriter::create(&place.0, &header()).expect("a file");
        // `create` writes the header at once.
        let begin = fs::read(&place.0).expect("a file").len();
        let records: Vec<Record> =
            bodies.iter().enumerate().map(|(offset, body)| plain(offset as u64, body)).collect();
        for record in &records {
            writer.add(record).expect("added");
        }
        writer.finish().expect("finished");
        let whole = fs::read(&place.0).expect("a file");
        let cut = begin + at.index(whole.len() - begin);
        fs::write(&place.0, &whole[..cut]).expect("cut off");
        let read = all(&place.0);
        prop_assert_eq!(&read[..], &records[..read.len()]);
    }
}

#[test]
fn what_is_no_record_is_named_with_file_and_line() {
    let place = TempPath::new("jsonl");
    let mut writer = RecordingWriter::create(&place.0, &header()).expect("a file");
    writer.add(&plain(0, b"{}")).expect("added");
    writer.finish().expect("finished");
    let good = fs::read_to_string(&place.0).expect("text");
    fs::write(&place.0, format!("{good}{{\"exchange\":\"events\"}}\n")).expect("written");
    let mut recording = Recording::open(&place.0).expect("a recording");
    recording.next().expect("a record").expect("good");
    let error = recording.next().expect("a problem").expect_err("bad").to_string();
    assert!(error.starts_with(&format!("{}, line 3: missing field", place.0.display())), "{error}");
    assert!(recording.next().is_none());

    fs::write(&place.0, format!("{good}{{\"exch")).expect("written");
    let mut recording = Recording::open(&place.0).expect("a recording");
    assert_eq!(recording.by_ref().count(), 1);
    assert_eq!(recording.cut_line(), Some(3));
}

#[test]
fn a_file_is_not_overwritten_and_a_later_version_is_not_guessed_at() {
    let place = TempPath::new("jsonl");
    RecordingWriter::create(&place.0, &header()).expect("a file");
    RecordingWriter::create(&place.0, &header()).expect_err("it exists");
    let text = fs::read_to_string(&place.0).expect("text");
    fs::write(&place.0, text.replace("\"version\":1", "\"version\":2")).expect("written");
    let error = Recording::open(&place.0).expect_err("later").to_string();
    assert!(error.contains("its version is 2"), "{error}");
    fs::write(&place.0, "no recording").expect("written");
    let error = Recording::open(&place.0).expect_err("other").to_string();
    assert!(error.contains("is no recording"), "{error}");
}

#[test]
fn only_its_owner_reads_what_was_recorded() {
    let place = TempPath::new("jsonl");
    RecordingWriter::create(&place.0, &header()).expect("a file");
    let mode = fs::metadata(&place.0).expect("a file").permissions().mode();
    assert_eq!(mode & 0o077, 0, "{mode:o}");
}
