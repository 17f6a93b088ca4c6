//! One service as a process of its own: this very test program, told to be the service.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use ballet::{Service, Settings};
use ballet_testkit::TestEnv;
use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;
use tracing_subscriber::filter::LevelFilter;

const SERVICE: &str = "SHOP_SERVICE";
const AMQP: &str = "SHOP_SERVICE_AMQP_URL";
const DATABASE: &str = "SHOP_SERVICE_DATABASE_URL";
const SERVING: &str = "serving at ";
/// Until a service has made its tables.
const STARTED: Duration = Duration::from_secs(60);

/// A service's process, and the directory in which it notes down where it was.
#[derive(Debug)]
pub(crate) struct Process {
    pub(crate) service: &'static str,
    place: PathBuf,
    amqp_url: String,
    database_url: String,
    running: Option<Running>,
}

#[derive(Debug)]
struct Running {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    /// Ends with us, however that comes, and the process with it.
    _life: ChildStdin,
}

impl Process {
    /// A service with a directory of its own, not started yet.
    pub(crate) fn new(service: &'static str, env: &TestEnv, place: &Path) -> Self {
        let place = place.join(service);
        fs::create_dir_all(&place).expect("a directory");
        let amqp_url = env.amqp_url(service).to_owned();
        let database_url = env.database_url(service).to_owned();
        Self { service, place, amqp_url, database_url, running: None }
    }

    /// Starts it, or starts it again.
    pub(crate) fn start(&mut self) {
        let running = spawn(self.service, &self.amqp_url, &self.database_url, &self.place);
        self.running = Some(running);
    }

    /// Where it serves HTTP, once it does.
    pub(crate) async fn serving(&mut self) -> String {
        let Running { child, lines, .. } = self.running.as_mut().expect("it is started");
        let url = async {
            while let Some(line) = lines.next_line().await.expect("a line") {
                // The test runner's own words may come before it.
                if let Some((_, url)) = line.split_once(SERVING) {
                    return url.to_owned();
                }
            }
            panic!("{} ended: {:?}\n{}", self.service, child.try_wait(), tail(&self.place))
        };
        timeout(STARTED, url).await.expect("a service starts in time")
    }

    /// Makes it die at a point.
    pub(crate) fn aim(&self, at: &str) {
        let (new, aim) = (self.place.join("aim.new"), self.place.join("aim"));
        fs::write(&new, at).expect("an aim");
        fs::rename(new, aim).expect("an aim");
    }

    /// Lets it live; whether it was to die.
    pub(crate) fn spare(&self) -> bool {
        fs::remove_file(self.place.join("aim")).is_ok()
    }

    /// Makes it stop at a point (SIGSTOP), with all that it holds.
    pub(crate) fn freeze(&self, at: &str) {
        let (new, freeze) = (self.place.join("freeze.new"), self.place.join("freeze"));
        fs::write(&new, at).expect("a point");
        fs::rename(new, freeze).expect("a point");
    }

    /// Whether it has come to the point at which it stops.
    pub(crate) fn is_frozen(&self) -> bool {
        !self.place.join("freeze").exists()
    }

    /// Lets it go on.
    pub(crate) fn wake(&self) {
        let running = self.running.as_ref().expect("it is started");
        let pid = running.child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
        kill_process(pid.expect("it lives"), Signal::CONT).expect("a signal");
    }

    /// Waits until it is gone, which it must be by SIGKILL.
    pub(crate) async fn died(&mut self) {
        let running = self.running.as_mut().expect("it is started");
        let status = running.child.wait().await.expect("a status");
        let (service, tail) = (self.service, || tail(&self.place));
        assert_eq!(status.signal(), Some(9), "{service} ended with {status}\n{}", tail());
    }

    /// The points at which it was, with what it worked on there, up to now.
    pub(crate) fn seen(&self) -> Vec<String> {
        let seen = fs::read_to_string(self.place.join("seen")).unwrap_or_default();
        seen.lines().map(str::to_owned).collect()
    }
}

fn spawn(service: &str, amqp_url: &str, database_url: &str, place: &Path) -> Running {
    let mut child = Command::new(std::env::current_exe().expect("this program"))
        .args(["process::service", "--exact", "--nocapture"])
        .env(SERVICE, service)
        .env(AMQP, amqp_url)
        .env(DATABASE, database_url)
        .env("BALLET_FAULTS", place)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(log(place))
        .kill_on_drop(true)
        .spawn()
        .expect("a process");
    let lines = BufReader::new(child.stdout.take().expect("its output")).lines();
    let life = child.stdin.take().expect("its input");
    Running { child, lines, _life: life }
}

fn log(place: &Path) -> File {
    OpenOptions::new().create(true).append(true).open(place.join("log")).expect("a log")
}

fn tail(place: &Path) -> String {
    let log = fs::read_to_string(place.join("log")).unwrap_or_default();
    let lines: Vec<&str> = log.lines().collect();
    lines[lines.len().saturating_sub(20)..].join("\n")
}

/// No test: what the processes of the tests run. Without a service to be it does nothing.
#[test]
fn service() {
    let Ok(name) = std::env::var(SERVICE) else { return };
    std::thread::spawn(|| {
        let mut nothing = Vec::new();
        std::io::stdin().read_to_end(&mut nothing).ok();
        std::process::exit(0);
    });
    tracing_subscriber::fmt()
        .with_ansi(false)
        .with_max_level(LevelFilter::INFO)
        .with_writer(std::io::stderr)
        .init();
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime.worker_threads(2).enable_all().build().expect("a runtime");
    runtime.block_on(run(&name));
}

async fn run(name: &str) {
    let settings = |name| std::env::var(name).expect("a setting");
    let settings = Settings::new(settings(AMQP), settings(DATABASE));
    let database_url = settings.database_url().expect("a URL");
    let running = by_name(name, database_url).start(settings).await.expect("started");
    writeln!(std::io::stdout(), "{SERVING}http://{}", running.address()).expect("a listener");
    panic!("{name} has failed: {}", running.failed().await);
}

fn by_name(name: &str, database_url: String) -> Service {
    match name {
        "cart" => cart::service(),
        "catalog" => catalog::service(),
        "inventory" => inventory::service(),
        "orders" => orders::service(orders::config::DEADLINE),
        "payments" => payments::service(payments::sandbox::Sandbox::new(database_url)),
        "recommendations" => recommendations::service(),
        "shipping" => shipping::service(shipping::sandbox::Sandbox::new(Duration::from_millis(20))),
        _ => panic!("{name} is no service of the shop: add it here"),
    }
}
