//! `ballet record`.

use ballet_amqp::Publish;
use ballet_ops::stream::{Record, Recording};
use std::path::Path;

use crate::world::{StreamWorld, tick};

fn records(file: &str) -> Vec<Record> {
    let recording = Recording::open(Path::new(file)).expect("a recording");
    recording.collect::<Result<_, _>>().expect("records")
}

#[tokio::test]
async fn a_recording_has_the_bytes_and_what_is_wrong_with_a_file_is_said() {
    let world = StreamWorld::new("recorded").await;
    let bodies: [&[u8]; 4] =
        [b"{\"number\":  1.0}", b"{\n\"number\":1}\n", b"no JSON", &[0xff, 0xfe, 0]];
    let odd = |(at, body): (u64, &&'static [u8])| Publish {
        body: bytes::Bytes::from_static(body),
        ..tick(at)
    };
    world.publish((0..4).zip(&bodies).map(odd).collect()).await;
    world.ticks(4..50).await;
    for name in ["run.jsonl", "run.jsonl.gz"] {
        let file = world.file(name);
        let begin = ["record", &file, "--from", "first", "--until", "now"];
        world.ballet(&begin).await.ends_with(0).says(&["recorded in", "up to offset 49"]);
        assert_eq!(records(&file)[..4].iter().map(|r| &r.body[..]).collect::<Vec<_>>(), bodies);
        world.ballet(&begin).await.ends_with(1).says(&["exists"]);
    }
    let packed = std::fs::metadata(world.file("run.jsonl.gz")).expect("a file").len();
    assert!(packed < std::fs::metadata(world.file("run.jsonl")).expect("a file").len());

    let to_a_pipe = ["record", "-", "--limit", "1"];
    world.ballet(&to_a_pipe).await.ends_with(2).says(&["ballet tap -o jsonl"]);
    let whole = world.record("whole.jsonl").await;
    let text = std::fs::read_to_string(&whole).expect("read");
    let spoilt = text.replacen("\"exchange\":", "\"xchange\":", 5).replacen("\"xch", "\"exch", 4);
    std::fs::write(world.file("spoilt.jsonl"), spoilt).expect("written");
    let to = world.env.ops_amqp_url();
    let replay = ["replay", &world.file("spoilt.jsonl"), "--dry-run", "--to", to];
    let said = world.ballet(&replay).await.ends_with(1).err;
    assert!(said.contains("line 6: ") && said.contains("without this line"), "{said}");
    assert!(!said.contains("at line 1"), "{said}");
    world.close().await;
}
