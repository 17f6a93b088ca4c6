//! The services' processes: several of each, restarted whenever one ends.

use std::convert::Infallible;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use ballet_ops::terminal::ui;
use ballet_stage::{Children, ServiceLaunch, ServiceProcess};
use reqwest::Client;
use rustix::process::Signal;
use tokio::sync::Mutex;

use crate::dice::Dice;
use crate::processes::gateway::secret;
use crate::processes::program::SERVICE;
use crate::running::clock;
use crate::running::ends::ProcessEnds;

/// The extension of the directory for a process's fault points.
const POINTS: &str = "points";
const LOOK: Duration = Duration::from_millis(20);
const MOST: usize = 4;
const DAY: usize = 24 * 60 * 60;
/// Younger processes may not handle signals yet.
const YOUNG: Duration = Duration::from_secs(5);
/// A stop's time beyond the drain time. Without servers the service's own limits end it some four seconds later, on a
/// machine with a dozen processes for each processor still later.
const SLACK: Duration = Duration::from_secs(20);
/// A process that ends sooner has not started.
const SOON: Duration = Duration::from_secs(10);
/// A process may fail to start this long while servers are unavailable.
const PATIENCE: Duration = Duration::from_secs(90);

#[derive(Debug)]
struct Replica {
    service: ServiceProcess,
    killed: bool,
    down: bool,
    not_before: Instant,
    since: Instant,
    stopping: bool,
    /// The first of its consecutive failed starts.
    failing: Option<Instant>,
}

impl Replica {
    fn is_of(&self, name: &str) -> bool {
        self.service.launch.name == name
    }
}

#[derive(Debug)]
pub(crate) struct Fleet {
    children: Children,
    program: PathBuf,
    logs: PathBuf,
    env: Vec<(&'static str, String)>,
    replicas: Mutex<Vec<Replica>>,
    ends: Mutex<ProcessEnds>,
    number: AtomicUsize,
    /// Each process first dies at this point, in a run with fault points.
    pub(crate) first_aim: Option<&'static str>,
    /// Whether the processes accept only what their gateway signed.
    pub(crate) signed: bool,
}

impl Fleet {
    pub(crate) fn new(
        children: Children,
        logs: &Path,
        env: Vec<(&'static str, String)>,
    ) -> Result<Self> {
        let program = std::env::current_exe().context("cannot find this program")?;
        Ok(Self {
            children,
            program,
            logs: logs.to_owned(),
            env,
            replicas: Mutex::default(),
            ends: Mutex::default(),
            number: 0.into(),
            first_aim: None,
            signed: false,
        })
    }

    pub(crate) async fn add(
        &self,
        name: &'static str,
        amqp_url: &str,
        database_url: &str,
    ) -> Result<()> {
        let number = self.number.fetch_add(1, Ordering::Relaxed);
        let log = self.logs.join(format!("{name}-{number}.log"));
        let mut env = vec![
            (SERVICE, name.to_owned()),
            (clock::FILE, clock::file(&log).display().to_string()),
        ];
        env.extend(self.env.iter().cloned());
        if self.signed {
            env.push(secret(&self.logs, name)?);
        }
        if let Some(aim) = self.first_aim {
            let points = log.with_extension(POINTS);
            let written =
                fs::create_dir_all(&points).and_then(|()| fs::write(points.join("aim"), aim));
            written.with_context(|| format!("cannot write to {}", points.display()))?;
            env.push(("BALLET_FAULTS", points.display().to_string()));
        }
        let env = env.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        let launch = ServiceLaunch {
            name,
            program: self.program.clone(),
            env,
            isolated: false,
            amqp_url: amqp_url.to_owned(),
            database_url: database_url.to_owned(),
            log,
        };
        let service = ServiceProcess::start(&self.children, launch).await?;
        let since = Instant::now();
        let (killed, down, stopping, not_before) = (false, false, false, since);
        let failing = None;
        let replica = Replica { service, killed, down, not_before, since, stopping, failing };
        self.replicas.lock().await.push(replica);
        Ok(())
    }

    /// Restarts every process that ends. Returns only with an error, which names processes that do not start, once the
    /// others are restarted.
    pub(crate) async fn keep(&self) -> Result<Infallible> {
        loop {
            let mut lost = Vec::new();
            for replica in self.replicas.lock().await.iter_mut() {
                replica.service.find_address();
                if replica.stopping {
                    continue;
                }
                let Some(status) = replica.service.ended() else { continue };
                let name = replica.service.launch.name;
                // Only once for each exit.
                if !std::mem::replace(&mut replica.down, true) && !replica.killed {
                    let tail = replica.service.tail();
                    let last = tail.lines().last().unwrap_or_default();
                    let soon = replica.since.elapsed() < SOON;
                    if !soon {
                        self.ends.lock().await.note_exit(name, status, last);
                    }
                    replica.not_before = Instant::now() + Duration::from_millis(200);
                    replica.failing = soon.then(|| replica.failing.unwrap_or(replica.since));
                    if replica.failing.is_some_and(|since| since.elapsed() > PATIENCE) {
                        let why = format!("{name} does not start, and ends with {status}:\n{tail}");
                        lost.push(why);
                    }
                }
                if replica.killed {
                    // This start may have succeeded.
                    replica.failing = None;
                }
                if Instant::now() >= replica.not_before {
                    match replica.service.start_again(&self.children).await {
                        Ok(()) => (replica.killed, replica.down) = (false, false),
                        Err(error) => lost.push(format!("{name} does not start: {error}")),
                    }
                    replica.since = Instant::now();
                }
            }
            if !lost.is_empty() {
                bail!(lost.join("\n"));
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Kills a process with SIGKILL; it is restarted soon. Returns false for one that is down already.
    pub(crate) async fn kill(&self, dice: &mut Dice) -> bool {
        let mut replicas = self.replicas.lock().await;
        let at = dice.below(replicas.len());
        let pause = if dice.one_in(4) { dice.millis(200, 2_000) } else { Duration::ZERO };
        let Some(replica) = replicas.get_mut(at).filter(|one| !one.killed && !one.down) else {
            return false;
        };
        replica.killed = true;
        replica.not_before = Instant::now() + pause;
        replica.service.signal(Signal::KILL);
        true
    }

    /// Freezes a process for longer than its lease, or less. Returns false for one that is down.
    pub(crate) async fn pause(&self, dice: &mut Dice) -> bool {
        let pid = {
            let replicas = self.replicas.lock().await;
            let replica = replicas.get(dice.below(replicas.len()));
            let Some(replica) = replica.filter(|one| !one.killed && !one.down) else {
                return false;
            };
            replica.service.signal(Signal::STOP);
            replica.service.pid()
        };
        tokio::time::sleep(dice.millis(500, 25_000)).await;
        let replicas = self.replicas.lock().await;
        // It may have been killed and replaced meanwhile.
        if let Some(replica) = replicas.iter().find(|replica| replica.service.pid() == pid) {
            replica.service.signal(Signal::CONT);
        }
        true
    }

    /// Resumes every process, with the right time.
    pub(crate) async fn resume(&self) -> Result<()> {
        let replicas = self.replicas.lock().await;
        replicas.iter().for_each(|replica| replica.service.signal(Signal::CONT));
        let clocks = replicas.iter().map(|replica| clock::shift(&replica.service.launch.log, 0));
        clocks.collect::<Vec<_>>().into_iter().collect()
    }

    /// Ahead or back, and then to the right time.
    pub(crate) async fn shift_clock(&self, dice: &mut Dice) -> Result<bool> {
        let most = [10 * 60, 3 * DAY, 40 * DAY, 200 * DAY];
        let most = dice.pick(&most).copied().unwrap_or_default();
        let seconds = i64::try_from(dice.below(most)).unwrap_or_default() + 1;
        let seconds = if dice.one_in(2) { -seconds } else { seconds };
        let log = {
            let replicas = self.replicas.lock().await;
            let at = dice.below(replicas.len());
            let Some(replica) = replicas.get(at) else { return Ok(false) };
            replica.service.launch.log.clone()
        };
        clock::shift(&log, seconds)?;
        tokio::time::sleep(dice.millis(1_000, 15_000)).await;
        clock::shift(&log, 0)?;
        Ok(true)
    }

    /// Stops a process with SIGTERM. [`Fleet::keep`] restarts it unless `for_good`. Returns false if none can be stopped.
    pub(crate) async fn stop(&self, dice: &mut Dice, for_good: bool) -> bool {
        let (at, name, pid) = {
            let mut replicas = self.replicas.lock().await;
            let names: Vec<_> = replicas.iter().map(|r| r.service.launch.name).collect();
            let has_others = |name| names.iter().filter(|one| **one == name).count() > 1;
            let stoppable = replicas.iter().enumerate().filter(|(_, replica)| {
                let Replica { service, killed, down, stopping, since, .. } = replica;
                let running = !killed && !down && !stopping && since.elapsed() > YOUNG;
                running && (!for_good || has_others(service.launch.name))
            });
            let stoppable: Vec<usize> = stoppable.map(|(at, _)| at).collect();
            let Some(at) = dice.pick(&stoppable).copied() else { return false };
            let replica = &mut replicas[at];
            replica.stopping = true;
            replica.service.signal(Signal::TERM);
            (at, replica.service.launch.name, replica.service.pid())
        };
        let begun = Instant::now();
        let mut status = self.ended(at, ServiceProcess::DRAIN + SLACK).await;
        let late = status.is_none();
        if late {
            self.replicas.lock().await[at].service.signal(Signal::KILL);
            status = self.ended(at, SLACK).await;
        }
        let process = format!("{name} (process {pid})");
        self.ends.lock().await.note_stop(&process, status, begun.elapsed(), late);
        let mut replicas = self.replicas.lock().await;
        if for_good && status.is_some() {
            replicas.remove(at);
        } else {
            let replica = &mut replicas[at];
            (replica.stopping, replica.killed, replica.not_before) = (false, true, Instant::now());
        }
        true
    }

    async fn ended(&self, at: usize, limit: Duration) -> Option<ExitStatus> {
        let begun = Instant::now();
        while begun.elapsed() < limit {
            tokio::time::sleep(LOOK).await;
            let status = self.replicas.lock().await[at].service.ended();
            if status.is_some() {
                return status;
            }
        }
        None
    }

    pub(crate) async fn has_room(&self, name: &str) -> bool {
        let replicas = self.replicas.lock().await;
        replicas.iter().filter(|replica| replica.service.launch.name == name).count() < MOST
    }

    pub(crate) async fn url(&self, name: &str, choice: usize) -> Option<String> {
        let replicas = self.replicas.lock().await;
        let urls = replicas.iter().map(|replica| &replica.service);
        let urls = urls.filter(|service| service.launch.name == name && !service.url.is_empty());
        let urls: Vec<&str> = urls.map(|service| service.url.as_str()).collect();
        (!urls.is_empty()).then(|| urls[choice % urls.len()].to_owned())
    }

    /// The services that are not ready, each with the reason.
    pub(crate) async fn not_ready(&self, http: &Client) -> Vec<String> {
        let urls: Vec<(&str, String)> = {
            let replicas = self.replicas.lock().await;
            replicas.iter().map(|r| (r.service.launch.name, r.service.url.clone())).collect()
        };
        let mut missing = Vec::new();
        for (name, url) in urls {
            match http.get(format!("{url}/readyz")).send().await {
                Ok(answer) if answer.status().is_success() => {}
                Ok(answer) => missing.push(format!(
                    "{name} at {url} is not ready: {}",
                    answer.text().await.unwrap_or_default()
                )),
                Err(error) => missing.push(format!("{name} at {url} does not answer: {error}")),
            }
        }
        missing
    }

    pub(crate) async fn ends(&self) -> ProcessEnds {
        self.ends.lock().await.clone()
    }

    /// Prints the names of those that even a kill does not end.
    pub(crate) async fn end(&self) {
        let replicas = std::mem::take(&mut *self.replicas.lock().await);
        let stops = replicas.into_iter().map(|Replica { service, .. }| async move {
            let (name, pid) = (service.launch.name, service.pid());
            let limit = ServiceProcess::DRAIN + SLACK;
            if tokio::time::timeout(limit, service.stop()).await.is_err() {
                ui::say(&format!("{name} (process {pid}) does not end, though it was killed"));
            }
        });
        futures_util::future::join_all(stops).await;
    }
}

pub(crate) mod service_fleet;
