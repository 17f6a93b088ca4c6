//! `ballet record`.

use ballet_amqp::Publish;
use ballet_ops::stream::{Record, Recording};
use std::path::Path;

use crate::world::{StreamWorld, tick};

fn records(file: &str) -> Vec<Record> {
    let recording = Recording::open(Path::new(file)).expect("a recording");
    recording.collect::<Result<_, _>>().expect("records")
}

fn offsets(file: &str) -> Vec<u64> {
    records(file).iter().map(|record| record.offset.expect("an offset")).collect()
}

fn upto(end: u64) -> Vec<u64> {
    (0..end).collect()
}

#[tokio::test]
async fn a_recording_has_the_bytes_and_is_continued_without_gap_or_double() {
    let world = StreamWorld::new("recorded").await;
    let bodies: [&[u8]; 4] =
        [b"{\"number\":  1.0}", b"{\n\"number\":1}\n", b"no JSON", &[0xff, 0xfe, 0]];
    let odd = |(at, body): (u64, &&'static [u8])| Publish {
        body: bytes::Bytes::from_static(body),
        ..tick(at)
    };
    world.publish((0..4).zip(&bodies).map(odd).collect()).await;
    for name in ["run.jsonl", "run.jsonl.gz"] {
        let file = world.file(name);
        let begin = ["record", &file, "--from", "first", "--until", "now"];
        world.ballet(&begin).await.ends_with(0).says(&["recorded in", "up to offset"]);
        assert_eq!(records(&file)[..4].iter().map(|r| &r.body[..]).collect::<Vec<_>>(), bodies);
        world.ballet(&begin).await.ends_with(1).says(&["is there already", "--append"]);
    }
    world.ticks(4..50).await;
    for name in ["run.jsonl", "run.jsonl.gz"] {
        let file = world.file(name);
        for limit in ["20", "1000"] {
            let more = ["record", &file, "--append", "--until", "now", "--limit", limit];
            world.ballet(&more).await.ends_with(0);
        }
        world.ballet(&["record", &file, "--append", "--until", "now"]).await.ends_with(0);
        assert_eq!(offsets(&file), upto(50));
        let said =
            world.ballet(&["record", &file, "--append", "--from", "first"]).await.ends_with(2).err;
        assert!(said.contains("leave out --from"), "{said}");
    }
    let packed = std::fs::metadata(world.file("run.jsonl.gz")).expect("a file").len();
    assert!(packed < std::fs::metadata(world.file("run.jsonl")).expect("a file").len());

    what_is_wrong_with_a_file_is_said(&world).await;

    // Another journal's events would follow the first's.
    let other = StreamWorld::new("other").await;
    let into = ["record", &world.file("run.jsonl"), "--append", "--until", "now"];
    other.ballet(&into).await.ends_with(2).says(&["is a recording of vhost"]);
    other.close().await;
    world.close().await;
}

async fn what_is_wrong_with_a_file_is_said(world: &StreamWorld) {
    let missing = world.file("missing.jsonl");
    let append = ["record", &missing, "--append", "--until", "now"];
    let said = "--append goes on with a file that is there";
    world.ballet(&append).await.ends_with(1).says(&[said]);
    let to_a_pipe = ["record", "-", "--limit", "1"];
    world.ballet(&to_a_pipe).await.ends_with(2).says(&["ballet tap -o jsonl"]);

    let whole = world.record("whole.jsonl").await;
    let text = std::fs::read_to_string(&whole).expect("read");
    let spoilt = text.replacen("\"exchange\":", "\"xchange\":", 5).replacen("\"xch", "\"exch", 4);
    std::fs::write(world.file("spoilt.jsonl"), spoilt).expect("written");
    let replay = ["replay", &world.file("spoilt.jsonl"), "--dry-run"];
    let said = world.ballet(&replay).await.ends_with(1).err;
    assert!(said.contains("line 6: ") && said.contains("without this line"), "{said}");
    assert!(!said.contains("at line 1"), "{said}");

    // Packed in one piece by a tool, and cut.
    let gzip = std::process::Command::new("gzip").args(["-k", &whole]).status();
    assert!(gzip.expect("gzip runs").success());
    let packed = format!("{whole}.gz");
    let bytes = std::fs::read(&packed).expect("read");
    std::fs::write(&packed, &bytes[..bytes.len() - 20]).expect("written");
    let append = ["record", &packed, "--append", "--until", "now"];
    let said = world.ballet(&append).await.ends_with(1).err;
    assert!(said.contains("gzip -dc") && !said.contains("header"), "{said}");
}

#[tokio::test]
async fn a_journal_that_was_made_anew_is_not_appended_even_when_it_has_grown() {
    let world = StreamWorld::new("anew").await;
    world.ticks(0..5).await;
    let file = world.record("run.jsonl").await;
    world.env.journal_anew().await.expect("another journal");
    let append = ["record", &file, "--append", "--until", "now"];
    for own in [100..103, 103..108] {
        world.ticks(own).await;
        world.ballet(&append).await.ends_with(2).says(&["it is another one"]);
        assert_eq!(offsets(&file), upto(5));
    }
    world.close().await;
}
