//! One service as a process of its own. The process runs this test program as the service.

use std::fs::{self, File, OpenOptions};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ballet::{Service, Settings};
use ballet_stage::{OwnProcess, TestEnv};
use cart::config::CartSettings;
use common::cards::RemoteProvider;
use common::outside::{ApiConnection, Secrets};
use rustix::process::{Pid, Signal, kill_process};
use shop_rig::partner;
use tracing_subscriber::filter::LevelFilter;

const SERVICE: &str = "SHOP_SERVICE";
const AMQP: &str = "SHOP_SERVICE_AMQP_URL";
const DATABASE: &str = "SHOP_SERVICE_DATABASE_URL";
/// The variable with the URL of the payment provider's API. Without it, payments uses the sandbox.
const PROVIDER: &str = "SHOP_SERVICE_PROVIDER_URL";

/// A service's process, and the directory in which it notes its fault points.
#[derive(Debug)]
pub(crate) struct KillableService {
    pub(crate) service: &'static str,
    place: PathBuf,
    amqp_url: String,
    database_url: String,
    provider_url: Option<String>,
    running: Option<OwnProcess>,
}

impl KillableService {
    /// Creates the process of a service, with its own directory. It is not started yet.
    pub(crate) fn new(service: &'static str, env: &TestEnv, place: &Path) -> Self {
        let place = place.join(service);
        fs::create_dir_all(&place).expect("a directory");
        let amqp_url = env.amqp_url(service).to_owned();
        let database_url = env.database_url(service).to_owned();
        Self { service, place, amqp_url, database_url, provider_url: None, running: None }
    }

    /// Makes payments call this API.
    pub(crate) fn calling(self, provider_url: &str) -> Self {
        Self { provider_url: Some(provider_url.to_owned()), ..self }
    }

    /// Starts or restarts the process.
    pub(crate) fn start(&mut self) {
        self.running = Some(spawn(self));
    }

    /// Waits until the process serves HTTP, and returns its URL.
    pub(crate) async fn serving(&mut self) -> String {
        let running = self.running.as_mut().expect("it is started");
        let url = running.serving().await;
        url.unwrap_or_else(|e| panic!("{}: {e}\n{}", self.service, tail(&self.place)))
    }

    /// Makes the process die at a fault point.
    pub(crate) fn aim(&self, at: &str) {
        let (new, aim) = (self.place.join("aim.new"), self.place.join("aim"));
        fs::write(&new, at).expect("an aim");
        fs::rename(new, aim).expect("an aim");
    }

    /// Makes the process stop at a fault point (SIGSTOP), with everything that it holds.
    pub(crate) fn freeze(&self, at: &str) {
        let (new, freeze) = (self.place.join("freeze.new"), self.place.join("freeze"));
        fs::write(&new, at).expect("a point");
        fs::rename(new, freeze).expect("a point");
    }

    /// Whether the process has reached the fault point at which it stops.
    pub(crate) fn is_frozen(&self) -> bool {
        !self.place.join("freeze").exists()
    }

    /// Resumes the process.
    pub(crate) fn wake(&self) {
        let running = self.running.as_ref().expect("it is started");
        let pid = running.id().and_then(|id| Pid::from_raw(id.cast_signed()));
        kill_process(pid.expect("it lives"), Signal::CONT).expect("a signal");
    }

    /// Waits until the process has died, which must be by SIGKILL.
    pub(crate) async fn died(&mut self) {
        let running = self.running.as_mut().expect("it is started");
        let status = running.ended().await.expect("a status");
        let (service, tail) = (self.service, || tail(&self.place));
        assert_eq!(status.signal(), Some(9), "{service} ended with {status}\n{}", tail());
    }
}

fn spawn(process: &KillableService) -> OwnProcess {
    let KillableService { service, place, amqp_url, database_url, provider_url, running: _ } =
        process;
    let process = OwnProcess::start("process::service", |command| {
        command
            .env(SERVICE, service)
            .env(AMQP, amqp_url)
            .env(DATABASE, database_url)
            .envs(provider_url.iter().map(|url| (PROVIDER, url)))
            .env("BALLET_FAULTS", place)
            .stderr(log(place));
    });
    process.expect("a process")
}

fn log(place: &Path) -> File {
    OpenOptions::new().create(true).append(true).open(place.join("log")).expect("a log")
}

fn tail(place: &Path) -> String {
    let log = fs::read_to_string(place.join("log")).unwrap_or_default();
    let lines: Vec<&str> = log.lines().collect();
    lines[lines.len().saturating_sub(20)..].join("\n")
}

/// Not a test: the entry of the tests' processes. Without the variables it does nothing.
#[test]
fn service() {
    let Ok(name) = std::env::var(SERVICE) else { return };
    tracing_subscriber::fmt()
        .with_ansi(false)
        .with_max_level(LevelFilter::INFO)
        .with_writer(std::io::stderr)
        .init();
    let setting = |name| std::env::var(name).expect("a setting");
    let settings = Settings::new(setting(AMQP), setting(DATABASE));
    let database_url = settings.database_url().expect("a URL");
    OwnProcess::serve(|| by_name(&name, database_url), settings);
}

fn by_name(name: &str, database_url: String) -> Service {
    if let ("payments", Ok(url)) = (name, std::env::var(PROVIDER)) {
        return payments::service(remote(&url));
    }
    match name {
        "cart" => cart::service(CartSettings::default()),
        "catalog" => catalog::service(),
        "inventory" => inventory::service(),
        "orders" => orders::service(orders::config::DEADLINE),
        "payments" => payments::service(common::cards::Sandbox::new(database_url)),
        "recommendations" => recommendations::service(),
        "shipping" => shipping::service(shipping::sandbox::Sandbox::new(Duration::from_millis(20))),
        _ => panic!("{name} is no service of the shop: add it here"),
    }
}

/// Returns a payment provider behind an API.
fn remote(url: &str) -> RemoteProvider {
    let key = Secrets::of("A_KEY", Some(partner::KEY), None, 1).expect("a key").expect("a key");
    let url = url.parse().expect("an address");
    let timeout = Duration::from_secs(5);
    RemoteProvider::new(ApiConnection { url, key, ca_file: None, timeout }).expect("a provider")
}
