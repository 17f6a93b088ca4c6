//! `ballet outbox`: events that could not be published.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use ballet::core::fault::FaultPoint;
use ballet::core::{System, topology};
use ballet::{Participant, Running, Service, Settings};
use ballet_stage::{Servers, TestEnv, wait_until};
use ballet_testkit::command::{CommandOutput, ended};
use ballet_testkit::memory::MemoryBroker;
use ballet_testkit::until_yields;
use serde_json::Value;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use tokio::process::Command;

const SOON: Duration = Duration::from_secs(60);

ballet_testkit::events! {
    Struck = plain "bell.struck.v1" { hour: u8 }
}

/// It could not publish some events.
struct Tower {
    env: TestEnv,
    broker: MemoryBroker,
    bell: Running,
}

/// No retry draws this process's number: one passes over what has the number of its own steps.
const DEAD: &str = "insert into ballet.outbox_dead (owner, batch, position, message_id, event_type, \
    saga_id, body, created_at, reason) select 7000, 1, hour, gen_random_uuid(), 'bell.struck.v1', null, \
    format('{\"hour\":%s}', hour), now() - interval '1 day', 'the tower burns' \
    from generate_series(1, 3) as hour";

impl Tower {
    async fn new(name: &str) -> Self {
        let servers = Servers::shared().await.expect("servers");
        let bell = Participant::new("bell").publishes::<Struck>();
        let definitions =
            topology::definitions(&System { name: "tower", parts: vec![bell.part()] }, |_| {
                String::new()
            });
        let env = TestEnv::prepared(servers, name, &definitions, &["bell"])
            .await
            .expect("an environment");
        let broker = MemoryBroker::with_definitions(&definitions);
        let settings = Settings::new("amqp://in.memory", env.database_url("bell"));
        let service = Service::new(bell).broker(Arc::new(broker.clone()));
        Self { bell: service.start(settings).await.expect("started"), env, broker }
    }

    async fn fails(&self) {
        self.db().await.execute(DEAD).await.expect("events");
    }

    async fn db(&self) -> PgConnection {
        PgConnection::connect(self.env.database_url("bell")).await.expect("a database")
    }

    fn command(&self, arguments: &[&str]) -> Command {
        self.command_of("outbox", arguments)
    }

    fn command_of(&self, noun: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ballet"));
        command.arg(noun).args(arguments).args(["--service", "bell"]).stdin(Stdio::null());
        command.env("AMQP_URL", self.env.amqp_url("redrive"));
        command.env("DATABASE_URL", self.env.database_url("bell")).stdout(Stdio::piped());
        command
    }

    async fn ballet(&self, arguments: &[&str]) -> CommandOutput {
        ended(self.command(arguments)).await
    }

    /// A retry is killed at this point.
    fn aim(&self, point: FaultPoint) -> PathBuf {
        let place = format!("outbox-{}-{}-{}", self.env.vhost(), point.name(), std::process::id());
        let place = Path::new(env!("CARGO_TARGET_TMPDIR")).join(place);
        std::fs::create_dir_all(&place).expect("a directory");
        std::fs::write(place.join("aim"), format!("{}@put_back", point.name())).expect("an aim");
        place
    }

    async fn dead(&self) -> Vec<String> {
        let ids = "select message_id::text from ballet.outbox_dead order by position";
        let ids: Vec<(String,)> =
            sqlx::query_as(ids).fetch_all(&mut self.db().await).await.expect("ids");
        ids.into_iter().map(|(id,)| id).collect()
    }

    /// Sessions of killed processes may hold events.
    async fn until_free(&self) {
        let free =
            "select count(*) from (select from ballet.outbox_dead for update skip locked) as free";
        let dead = self.dead().await.len().to_string();
        until_yields(self.env.database_url("bell"), free, &dead, SOON).await;
    }

    fn published(&self) -> Vec<String> {
        let taken = self.broker.taken();
        taken
            .iter()
            .map(|m| m.properties.message_id().as_ref().expect("an id").to_string())
            .collect()
    }

    async fn get(&self, path: &str) -> Result<(u16, String), reqwest::Error> {
        let answer = reqwest::get(format!("http://{}{path}", self.bell.address())).await?;
        Ok((answer.status().as_u16(), answer.text().await?))
    }

    async fn until_said(&self, path: &str, words: &str) {
        wait_until(words, SOON, || async {
            let (status, said) = self.get(path).await.map_err(|error| error.to_string())?;
            if status == 200 && said.contains(words) { Ok(Some(())) } else { Err(said) }
        })
        .await
        .expect("said");
    }

    async fn until_published(&self, after: usize, expected: &[String]) {
        wait_until("the events", SOON, || async {
            let published = self.published().split_off(after);
            if published == expected { Ok(Some(())) } else { Err(format!("{published:?}")) }
        })
        .await
        .expect("published");
    }

    async fn until_count(&self, count: usize) {
        wait_until("the events", SOON, || async {
            let published = self.published().len();
            if published >= count { Ok(Some(())) } else { Err(published) }
        })
        .await
        .expect("published");
    }
}

/// It fails again and again.
#[tokio::test(flavor = "multi_thread")]
async fn t186_what_could_not_be_published_is_seen_and_put_back_once_or_forgotten() {
    let tower = Tower::new("outbox").await;
    tower.fails().await;
    events_that_can_never_be_published_are_seen_at_every_door(&tower).await;
    tower.fails().await;
    what_could_not_be_published_is_listed_put_back_once_and_forgotten(&tower).await;
    tower.fails().await;
    a_retry_whose_events_another_one_holds_says_so(&tower).await;
    tower.fails().await;
    many_events_are_put_back_in_steps_and_an_interrupted_retry_goes_on(&tower).await;
}

async fn what_could_not_be_published_is_listed_put_back_once_and_forgotten(tower: &Tower) {
    let (before, dead) = (tower.published().len(), tower.dead().await);
    let said = tower.ballet(&["list"]).await.ends_with(0).both();
    assert!(dead.iter().all(|id| said.contains(id)) && said.contains("the tower burns"), "{said}");
    let said = tower.ballet(&["list", "-o", "json", "--id", &dead[1]]).await.both();
    let listed: Value = serde_json::from_str(&said).expect("JSON");
    assert_eq!(listed[0]["body"], "{\"hour\":2}");
    assert_eq!(listed.as_array().map(Vec::len), Some(1));

    assert_eq!(tower.ballet(&["retry"]).await.code, Some(2), "which?");
    tower.ballet(&["retry", "--all", "--dry-run"]).await.ends_with(0).tells(&["3 events"]);
    let said =
        tower.ballet(&["retry", "--id", &dead[1], "--id", &dead[0]]).await.ends_with(0).both();
    assert!(said.contains("2 events"), "{said}");
    tower.until_published(before, &dead[..2]).await;
    tower.ballet(&["retry", "--id", &dead[0]]).await.tells(&["no events match"]);

    assert_eq!(tower.ballet(&["forget", "--all"]).await.code, Some(2), "without --yes");
    let kept = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{}.jsonl", tower.env.vhost()));
    let to = kept.display().to_string();
    tower.ballet(&["forget", "--all", "--yes", "--to", &to]).await.ends_with(0).tells(&["1 event"]);
    let line = std::fs::read_to_string(&kept).expect("a file");
    assert!(line.contains(&dead[2]) && line.contains("the tower burns"), "{line}");
    std::fs::remove_file(&kept).expect("removed");
    assert_eq!(tower.dead().await, Vec::<String>::new());
    assert_eq!(tower.published()[before..], dead[..2]);
    // With who deleted it.
    let noted = "select act, done_by, count(*) from ballet.intervention group by 1, 2 order by 1";
    let noted: Vec<(String, String, i64)> =
        sqlx::query_as(noted).fetch_all(&mut tower.db().await).await.expect("notes");
    assert_eq!(noted.len(), 1, "{noted:?}");
    assert_eq!((&*noted[0].0, noted[0].2), ("discarded", 1), "{noted:?}");
}

async fn events_that_can_never_be_published_are_seen_at_every_door(tower: &Tower) {
    // The service works.
    tower
        .until_said("/readyz", "events that can never be published: 3 (`ballet outbox list`)")
        .await;
    tower.until_said("/metrics", "ballet_outbox_dead 3").await;

    tower.ballet(&["retry", "--all"]).await.ends_with(0);
    tower.until_said("/readyz", "\"outbox\":\"ok\"").await;
    tower.until_count(3).await;
}

async fn a_retry_whose_events_another_one_holds_says_so(tower: &Tower) {
    let mut other = tower.db().await;
    other.execute("begin; select from ballet.outbox_dead for update").await.expect("held");
    let said = tower.ballet(&["retry", "--all"]).await.ends_with(3).both();
    assert!(said.contains("not put back: 3 events of bell,"), "{said}");
    assert_eq!(tower.dead().await.len(), 3);
    other.execute("rollback").await.expect("free");
    let (before, dead) = (tower.published().len(), tower.dead().await);
    let mut retry = tower.command(&["retry", "--all"]);
    retry.env("DATABASE_URL", tower.env.admin_database_url("bell"));
    ended(retry).await.ends_with(0);
    tower.until_published(before, &dead).await;
}

async fn many_events_are_put_back_in_steps_and_an_interrupted_retry_goes_on(tower: &Tower) {
    let before = tower.published().len();
    let many = DEAD.replace("generate_series(1, 3)", "generate_series(4, 12000)");
    tower.db().await.execute(AssertSqlSafe(many)).await.expect("events");
    let mut dead = tower.dead().await;
    // Before its first step is committed, and after.
    for (point, left) in [(FaultPoint::BeforeTables, 12_000), (FaultPoint::AfterTables, 7_000)] {
        let place = tower.aim(point);
        let mut retry = tower.command(&["retry", "--all"]);
        let died = retry.env("BALLET_FAULTS", &place).output().await.expect("it runs");
        assert_eq!(died.status.code(), None, "it was not killed at {}", point.name());
        std::fs::remove_dir_all(&place).expect("removed");
        assert_eq!(tower.dead().await.len(), left, "a step is 5,000");
        tower.until_free().await;
    }
    tower.ballet(&["retry", "--all"]).await.ends_with(0).tells(&["7,000 events"]);
    assert_eq!(tower.dead().await, Vec::<String>::new());
    tower.until_count(before + 12_000).await;
    let mut published = tower.published().split_off(before);
    published.sort_unstable();
    dead.sort_unstable();
    assert_eq!(published.len(), dead.len());
    assert!(published == dead, "each once");
}
