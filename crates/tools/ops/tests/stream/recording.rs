//! Recordings give back the original records, even when the file is cut off at any byte.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use ballet_amqp::{AMQPValue, BasicProperties, DecimalValue, FieldArray, FieldTable};
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
        any::<i8>().prop_map(AMQPValue::ShortShortInt),
        any::<u8>().prop_map(AMQPValue::ShortShortUInt),
        any::<i16>().prop_map(AMQPValue::ShortInt),
        any::<u16>().prop_map(AMQPValue::ShortUInt),
        any::<i32>().prop_map(AMQPValue::LongInt),
        any::<u32>().prop_map(AMQPValue::LongUInt),
        any::<i64>().prop_map(AMQPValue::LongLongInt),
        // A NaN is not equal to itself.
        any::<f32>().prop_filter("a number", |n| !n.is_nan()).prop_map(AMQPValue::Float),
        any::<f64>().prop_filter("a number", |n| !n.is_nan()).prop_map(AMQPValue::Double),
        Just(AMQPValue::Double(f64::INFINITY)),
        (any::<u8>(), any::<u32>())
            .prop_map(|(scale, value)| AMQPValue::DecimalValue(DecimalValue { scale, value })),
        "[ -~é]{0,20}".prop_map(|text| AMQPValue::LongString(text.into())),
        prop::collection::vec(any::<u8>(), 0..9).prop_map(|b| AMQPValue::LongString(b.into())),
        "[ -~]{0,20}".prop_map(|text| AMQPValue::ShortString(text.into())),
        prop::collection::vec(any::<u8>(), 0..9).prop_map(|b| AMQPValue::ByteArray(b.into())),
        any::<u64>().prop_map(AMQPValue::Timestamp),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4)
                .prop_map(|values| AMQPValue::FieldArray(FieldArray::from(values))),
            table(inner).prop_map(AMQPValue::FieldTable),
        ]
    })
}

/// Makes tables, some of which look like tags.
fn table(value: impl Strategy<Value = AMQPValue>) -> impl Strategy<Value = FieldTable> {
    let name = prop_oneof![Just("$i8".to_owned()), Just("$table".to_owned()), "[a-z$]{1,6}"];
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
        let mut writer = RecordingWriter::create(&place.0, &header(), false).expect("a file");
        for record in &records {
            writer.add(record).expect("added");
        }
        prop_assert_eq!(writer.finish().expect("finished"), records.len() as u64);
        let recording = Recording::open(&place.0).expect("a recording");
        prop_assert_eq!(recording.header(), &header());
        prop_assert_eq!(all(&place.0), records);
    }

    #[test]
    fn a_file_that_is_cut_anywhere_can_be_used_up_to_there_and_continued(
        bodies in prop::collection::vec(body(), 1..12),
        every in 1_usize..4,
        packed in any::<bool>(),
        at in any::<prop::sample::Index>(),
    ) {
        let place = TempPath::new(if packed { "gz" } else { "jsonl" });
        let mut writer = RecordingWriter::create(&place.0, &header(), false).expect("a file");
        // `create` writes the header at once.
        let begin = fs::read(&place.0).expect("a file").len();
        let records: Vec<Record> =
            bodies.iter().enumerate().map(|(offset, body)| plain(offset as u64, body)).collect();
        for (number, record) in records.iter().enumerate() {
            writer.add(record).expect("added");
            if number % every == 0 {
                writer.flush().expect("flushed");
            }
        }
        writer.finish().expect("finished");
        let whole = fs::read(&place.0).expect("a file");
        let cut = begin + at.index(whole.len() - begin);
        fs::write(&place.0, &whole[..cut]).expect("cut off");

        let read = all(&place.0);
        prop_assert_eq!(&read[..], &records[..read.len()]);
        let (mut writer, continued, _) = RecordingWriter::append(&place.0).expect("continued");
        prop_assert_eq!(continued, header());
        let next = writer.last().map_or(0, |last| last + 1);
        prop_assert!(next <= read.len() as u64);
        for record in records.iter().skip(usize::try_from(next).expect("few")) {
            writer.add(record).expect("added");
        }
        writer.finish().expect("finished");
        prop_assert_eq!(all(&place.0), records);
    }
}

#[test]
fn a_packed_file_is_continued_before_its_damaged_end_and_not_before_what_is_whole() {
    let place = TempPath::new("gz");
    let records: Vec<Record> = (0..3).map(|offset| plain(offset, b"{\"text\":\"some\"}")).collect();
    let mut writer = RecordingWriter::create(&place.0, &header(), false).expect("a file");
    let mut ends = Vec::new();
    for record in &records {
        writer.add(record).expect("added");
        writer.flush().expect("flushed");
        ends.push(fs::read(&place.0).expect("a file").len());
    }
    writer.finish().expect("finished");
    let whole = fs::read(&place.0).expect("a file");
    // After a loss of power the length is right, but the bytes are missing.
    let zeros = |from: usize, to: usize| {
        let mut damaged = whole.clone();
        damaged.resize(damaged.len().max(to), 0);
        damaged[from..to].fill(0);
        damaged
    };
    for (damaged, last) in [
        (zeros(whole.len(), whole.len() + 5000), 2),
        (zeros(ends[1] + 12, ends[2]), 1),
        (zeros(ends[0], ends[2]), 0),
    ] {
        fs::write(&place.0, damaged).expect("damaged");
        let mut read = Recording::open(&place.0).expect("a recording");
        let read_up_to =
            read.by_ref().map_while(Result::ok).filter_map(|record| record.offset).last();
        assert_eq!(read_up_to, Some(last));
        let (mut writer, ..) = RecordingWriter::append(&place.0).expect("continued");
        assert_eq!(writer.last(), Some(last));
        for record in records.iter().filter(|record| record.offset > Some(last)) {
            writer.add(record).expect("added");
        }
        writer.finish().expect("finished");
        assert_eq!(all(&place.0), records);
    }

    let damaged = zeros(ends[0] + 12, ends[0] + 30);
    fs::write(&place.0, &damaged).expect("damaged");
    RecordingWriter::append(&place.0).expect_err("the last block is whole");
    let mut read = Recording::open(&place.0).expect("a recording");
    assert_eq!(read.next().expect("a record").expect("good"), records[0]);
    let error = read.next().expect("a problem").expect_err("damaged").to_string();
    assert!(error.contains("line 3: the file is packed, and damaged here"), "{error}");
    assert!(error.contains("`gzip -dc` unpacks what is before"), "{error}");
    assert_eq!(fs::read(&place.0).expect("a file"), damaged);
}

#[test]
fn headers_that_are_nested_too_deep_are_left_out_by_name() {
    let place = TempPath::new("jsonl");
    let nested = |depth: usize| {
        let inner = AMQPValue::LongString("a \"quoted\" word".into());
        (0..depth).fold(inner, |value, _| AMQPValue::FieldArray(FieldArray::from(vec![value])))
    };
    let with = |headers: &[(&str, usize)]| {
        let mut table = FieldTable::default();
        for (name, depth) in headers {
            table.insert((*name).into(), nested(*depth));
        }
        let plain = plain(0, b"{}");
        Record { properties: plain.properties.with_headers(table), ..plain }
    };
    let mut writer = RecordingWriter::create(&place.0, &header(), false).expect("a file");
    writer.add(&with(&[("flat", 0), ("deep", 40), ("deeper", 41)])).expect("added");
    writer.finish().expect("finished");
    let text = fs::read_to_string(&place.0).expect("text");
    assert!(text.contains("\"left_out_headers\":[\"deeper\"]"), "{text}");
    assert_eq!(all(&place.0), [with(&[("flat", 0), ("deep", 40)])]);
}

#[test]
fn what_is_no_record_is_named_with_file_and_line() {
    let place = TempPath::new("jsonl");
    let mut writer = RecordingWriter::create(&place.0, &header(), false).expect("a file");
    writer.add(&plain(0, b"{}")).expect("added");
    writer.finish().expect("finished");
    let good = fs::read_to_string(&place.0).expect("text");
    fs::write(&place.0, format!("{good}{{\"exchange\":\"events\"}}\n")).expect("written");
    let mut recording = Recording::open(&place.0).expect("a recording");
    recording.next().expect("a record").expect("good");
    let error = recording.next().expect("a problem").expect_err("bad").to_string();
    assert!(error.starts_with(&format!("{}, line 3: missing field", place.0.display())), "{error}");
    assert!(recording.next().is_none());

    // An incomplete last line is no error.
    fs::write(&place.0, format!("{good}{{\"exch")).expect("written");
    let mut recording = Recording::open(&place.0).expect("a recording");
    assert_eq!(recording.by_ref().count(), 1);
    assert_eq!(recording.cut_line(), Some(3));
}

#[test]
fn a_file_is_not_overwritten_and_a_later_version_is_not_guessed_at() {
    let place = TempPath::new("jsonl");
    RecordingWriter::create(&place.0, &header(), false).expect("a file");
    RecordingWriter::create(&place.0, &header(), false).expect_err("it exists");
    let text = fs::read_to_string(&place.0).expect("text");
    fs::write(&place.0, text.replace("\"version\":1", "\"version\":2")).expect("written");
    let error = Recording::open(&place.0).expect_err("later").to_string();
    assert!(error.contains("its version is 2"), "{error}");
    fs::write(&place.0, "no recording").expect("written");
    let error = Recording::open(&place.0).expect_err("other").to_string();
    assert!(error.contains("is no recording"), "{error}");
}

#[test]
fn two_do_not_write_to_one_file() {
    let place = TempPath::new("jsonl");
    let mut first = RecordingWriter::create(&place.0, &header(), false).expect("a file");
    first.add(&plain(0, b"{}")).expect("added");
    let error = RecordingWriter::append(&place.0).expect_err("it is written to").to_string();
    assert!(error.contains("another process is writing to it"), "{error}");
    first.finish().expect("finished");
    let (mut second, _, last) = RecordingWriter::append(&place.0).expect("it is free");
    assert_eq!(last.and_then(|last| last.offset), Some(0));
    second.add(&plain(1, b"{}")).expect("added");
    second.finish().expect("finished");
    assert_eq!(all(&place.0).len(), 2);
}

#[test]
fn only_its_owner_reads_what_was_recorded() {
    let place = TempPath::new("jsonl");
    RecordingWriter::create(&place.0, &header(), false).expect("a file");
    let mode = fs::metadata(&place.0).expect("a file").permissions().mode();
    assert_eq!(mode & 0o077, 0, "{mode:o}");
}
