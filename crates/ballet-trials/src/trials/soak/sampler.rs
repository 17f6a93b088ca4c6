//! Takes the samples: from `/proc`, the databases, the broker, and the sagas.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use ballet_stage::Method;
use serde_json::Value;
use sqlx::{Connection, PgConnection};

use crate::load::load::Load;
use crate::load::percentile::at_share;
use crate::running::long_run::LongRun;
use crate::scene::record::Recorder;
use crate::trials::soak::measure::{MeasureKey, MeasureKind};

/// The sizes of a service's tables by kind, and their number.
const SIZES: &str = "select case when n.nspname = 'public' then 'own' \
         when c.relname ~ '^inbox' then 'inbox' when c.relname ~ '^ledger' then 'ledger' \
         when c.relname ~ '^outbox_[0-9]+$' then 'outbox' when c.relname = 'call' then 'calls' \
         else 'other' end as kind, \
         coalesce(sum(pg_total_relation_size(c.oid)), 0)::bigint, \
         count(*) filter (where c.relispartition or c.relname ~ '^outbox_[0-9]+$') \
     from pg_class c join pg_namespace n on n.oid = c.relnamespace \
     where n.nspname in ('ballet', 'public') and c.relkind = 'r' group by kind";

/// Takes samples, with a lasting connection to each database.
pub(crate) struct Sampler<'a> {
    run: &'a LongRun,
    recorder: &'a Recorder,
    load: &'a Load,
    /// The name of the usual case.
    usual: &'static str,
    databases: BTreeMap<&'static str, PgConnection>,
    /// The time of the last sample.
    last: Instant,
}

type Values = BTreeMap<MeasureKey, f64>;

impl<'a> Sampler<'a> {
    pub(crate) fn new(
        run: &'a LongRun,
        recorder: &'a Recorder,
        load: &'a Load,
        usual: &'static str,
    ) -> Self {
        Self { run, recorder, load, usual, databases: BTreeMap::new(), last: Instant::now() }
    }

    pub(crate) async fn sample(&mut self) -> Result<Values> {
        let mut values = Values::new();
        for (name, pid) in self.run.fleet.processes().await {
            let (memory, files) = process(pid).with_context(|| format!("cannot look at {name}"))?;
            values.insert((MeasureKind::Memory, name.clone()), memory);
            values.insert((MeasureKind::Files, name), files);
        }
        for service in self.run.services() {
            let sizes = self.sizes(service).await;
            let sizes = sizes.with_context(|| format!("the database of {service}"))?;
            for (kind, bytes, tables) in sizes {
                let (size, count) = match &*kind {
                    "inbox" => (MeasureKind::Inbox, Some(MeasureKind::InboxPartitions)),
                    "ledger" => (MeasureKind::Ledger, Some(MeasureKind::LedgerPartitions)),
                    "outbox" => (MeasureKind::Outbox, Some(MeasureKind::OutboxTables)),
                    "calls" => (MeasureKind::Calls, None),
                    "own" => (MeasureKind::OwnTables, None),
                    _ => (MeasureKind::OtherTables, None),
                };
                values.insert((size, service.to_owned()), number(bytes));
                if let Some(count) = count {
                    values.insert((count, service.to_owned()), number(tables));
                }
            }
        }
        self.broker(&mut values).await.context("the broker")?;
        self.sagas(&mut values);
        Ok(values)
    }

    async fn sizes(&mut self, service: &'static str) -> Result<Vec<(String, i64, i64)>> {
        let mut db = match self.databases.remove(service) {
            Some(open) => open,
            None => PgConnection::connect(self.run.stage.env.admin_database_url(service)).await?,
        };
        let sizes = sqlx::query_as(SIZES).fetch_all(&mut db).await?;
        self.databases.insert(service, db);
        Ok(sizes)
    }

    async fn broker(&self, values: &mut Values) -> Result<()> {
        let management = self.run.stage.env.management();
        let queues =
            management.call(Method::GET, &["queues", self.run.stage.env.vhost()], None).await?;
        let queues = queues.as_array().map(Vec::as_slice).unwrap_or_default();
        let waiting = queues.iter().filter(|queue| queue["type"] != "stream");
        let waiting: i64 = waiting.filter_map(|queue| queue["messages"].as_i64()).sum();
        let nodes = management.call(Method::GET, &["nodes"], None).await?;
        let memory = |node: &Value| node["mem_used"].as_i64();
        let memory: i64 = nodes.as_array().into_iter().flatten().filter_map(memory).sum();
        let dir =
            self.run.stage.servers.dir().map(Path::to_owned).context("it has no directory")?;
        let (disk, journal) = tokio::task::spawn_blocking(move || broker_disk(&dir)).await?;
        for (what, value) in [
            (MeasureKind::Waiting, number(waiting)),
            (MeasureKind::BrokerMemory, number(memory)),
            (MeasureKind::BrokerDisk, disk),
            (MeasureKind::Journal, journal),
        ] {
            values.insert((what, "broker".to_owned()), value);
        }
        Ok(())
    }

    /// Adds the values of sagas since the last sample.
    fn sagas(&mut self, values: &mut Values) {
        let (from, to) = (std::mem::replace(&mut self.last, Instant::now()), Instant::now());
        let sagas = self.load.sagas.all();
        let mut ended = 0_u32;
        let mut times: Vec<Duration> = Vec::new();
        {
            let record = self.recorder.record();
            for (id, placed) in &sagas {
                let Some(at) = record.journal.ended_at(*id) else { continue };
                if at <= from || at > to {
                    continue;
                }
                ended += 1;
                if placed.case == self.usual {
                    times.push(at.saturating_duration_since(placed.at));
                }
            }
        }
        let mut add = |what, value| values.insert((what, "system".to_owned()), value);
        add(MeasureKind::Ended, f64::from(ended) / (to - from).as_secs_f64().max(0.001));
        add(MeasureKind::Open, f64::from(u32::try_from(self.load.open().0).unwrap_or(u32::MAX)));
        times.sort_unstable();
        if let (Some(median), Some(slow)) = (at_share(&times, 50), at_share(&times, 99)) {
            add(MeasureKind::Median, median.as_secs_f64() * 1e3);
            add(MeasureKind::NinetyNinth, slow.as_secs_f64() * 1e3);
        }
    }
}

/// The memory of a process, and its open files. Pages of the program's file are left out: more and more of them are
/// touched, and the system can take them back.
fn process(pid: u32) -> Result<(f64, f64)> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let kilobytes = status.lines().find_map(|line| {
        line.strip_prefix("RssAnon:")?.trim().strip_suffix("kB")?.trim().parse::<f64>().ok()
    });
    let files = fs::read_dir(format!("/proc/{pid}/fd"))?.count();
    let kilobytes = kilobytes.context("it has no memory: has it ended?")?;
    Ok((kilobytes * 1024.0, f64::from(u32::try_from(files).unwrap_or(u32::MAX))))
}

/// The bytes of the broker's files without the journal, and those of the journal.
fn broker_disk(servers: &Path) -> (f64, f64) {
    let broker = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with("rabbitmq") && path.is_dir()
    };
    let mut open: Vec<PathBuf> = entries(servers).filter(broker).collect();
    let (mut disk, mut journal) = (0.0, 0.0);
    while let Some(dir) = open.pop() {
        for path in entries(&dir) {
            // Files come and go meanwhile.
            let Ok(found) = fs::symlink_metadata(&path) else { continue };
            if found.is_dir() {
                open.push(path);
            } else if path.components().any(|part| part.as_os_str() == "stream") {
                journal += bytes(found.len());
            } else {
                disk += bytes(found.len());
            }
        }
    }
    (disk, journal)
}

fn entries(dir: &Path) -> impl Iterator<Item = PathBuf> {
    fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.path())
}

fn number(value: i64) -> f64 {
    bytes(u64::try_from(value).unwrap_or_default())
}

#[expect(clippy::cast_precision_loss, reason = "far below the limit of an exact f64")]
const fn bytes(value: u64) -> f64 {
    value as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_memory_and_files() {
        let (memory, files) = process(std::process::id()).expect("a look");
        assert!(memory > 1e5 && files > 2.0, "{memory} {files}");
    }
}
