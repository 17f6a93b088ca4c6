//! The shop's gateway as a process of this test program.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use ballet_stage::{Database, Servers, wait_until};
use reqwest::Client;
use reqwest::header::{AUTHORIZATION, HeaderMap};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tokio::process::{Child, Command};
use tokio::sync::{Mutex, OnceCell};

use crate::shop::SOON;

const ARGUMENTS: &str = "SHOP_GATEWAY_ARGUMENTS";
/// The scopes of a customer, who here receives goods as well.
const BUYS: &str = "orders:read orders:write products:write stock:write";
pub(crate) const EVERYTHING: &str = "orders:all products:write stock:write";
/// The gateway signs requests to a service with it.
pub(crate) fn secret(service: &str) -> String {
    format!("a-secret-of-the-gateway-for-{service}")
}

/// The directory of keys, beside the config.
const KEYS: &str = "keys";
/// All gateways of these tests share keys and tokens, because making them takes a process.
static KEY_FILES: OnceCell<Vec<(OsString, Vec<u8>)>> = OnceCell::const_new();
/// The lifetime of tokens: longer than all of these tests on a slow machine, because the last one has a token of the
/// first.
const VALID: &str = "24h";
static TOKENS: Mutex<BTreeMap<(String, String), String>> = Mutex::const_new(BTreeMap::new());
const CONFIG: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../tools/gateway/shop.toml");
const DOCUMENTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../../docs/openapi");

pub(crate) struct Gateway {
    place: PathBuf,
    child: Child,
    pub(crate) url: String,
    // Dropping it removes it.
    _database: Database,
}

impl Gateway {
    pub(crate) async fn start<'a>(services: impl Iterator<Item = (&'a str, &'a str)>) -> Self {
        let servers = Servers::shared().await.expect("servers");
        let database = Database::new(servers.postgres(), "gateway").await.expect("a database");
        let name = database.url().rsplit('/').next().unwrap_or_default();
        let place = std::env::temp_dir().join(format!("shop-{name}"));
        std::fs::create_dir_all(&place).expect("a folder");
        let mut text = std::fs::read_to_string(CONFIG).expect("the shop's file");
        for (name, url) in services {
            std::fs::write(place.join(format!("secret-{name}")), secret(name)).expect("a file");
            text = text.replace(&format!("http://{name}:8080"), url);
        }
        for (from, to) in [
            ("127.0.0.1:8080", "127.0.0.1:0"),
            ("127.0.0.1:9080", "127.0.0.1:0"),
            ("../../../docs/openapi", DOCUMENTS),
            // Long limits, for slow machines.
            ("env:GATEWAY_DATABASE_URL\"", "env:GATEWAY_DATABASE_URL\"\ntimeout = \"60s\""),
            ("[database]", "[timeouts]\nupstream = \"60s\"\n\n[database]"),
            ("timeout = \"1s\"", "timeout = \"60s\""),
            ("requests = 60", "requests = 100000"),
            ("env:GATEWAY_SECRET_{upstream}", "file:secret-{upstream}"),
        ] {
            assert!(text.contains(from), "the shop's file has {from}");
            text = text.replace(from, to);
        }
        std::fs::write(place.join("shop.toml"), text).expect("a file");
        make_keys(&place).await;
        let child = serve(&place, &database);
        let mut gateway = Self { place, child, url: String::new(), _database: database };
        gateway.listens().await;
        gateway
    }

    /// Returns them for a client that has signed in as this subject.
    async fn credentials(&self, subject: &str, scopes: &str) -> HeaderMap {
        let mut tokens = TOKENS.lock().await;
        let whose = (subject.to_owned(), scopes.to_owned());
        let token = match tokens.get(&whose) {
            Some(token) => token.clone(),
            None => {
                let token = self.token(subject, scopes).await;
                tokens.insert(whose, token.clone());
                token
            }
        };
        let token = format!("Bearer {token}").parse().expect("a header");
        HeaderMap::from_iter([(AUTHORIZATION, token)])
    }

    async fn token(&self, subject: &str, scopes: &str) -> String {
        let whose = ["--subject", subject, "--scopes", scopes];
        let token = ["token", "shop.toml", "--keys", KEYS, "--valid", VALID];
        let output = output_of(&self.place, &[&token[..], &whose].concat()).await;
        let token = output.lines().find(|line| line.split('.').count() == 3 && !line.contains(' '));
        token.expect("a token").to_owned()
    }

    pub(crate) async fn client(&self, subject: &str, scopes: &str) -> Client {
        let headers = self.credentials(subject, scopes).await;
        Client::builder().default_headers(headers).build().expect("a client")
    }

    pub(crate) async fn customer(&self, customer_id: &str) -> Client {
        self.client(customer_id, BUYS).await
    }

    pub(crate) async fn stop(mut self) {
        let pid = self.child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
        kill_process(pid.expect("it lives"), Signal::TERM).expect("a signal");
        let status = tokio::time::timeout(SOON, self.child.wait()).await.expect("in time");
        assert!(status.expect("a status").success(), "{}", log(&self.place));
        std::fs::remove_dir_all(&self.place).expect("removed");
    }

    async fn listens(&mut self) {
        let place = &self.place;
        let found = wait_until("the gateway to listen", SOON, || async {
            let log = log(place);
            let entries = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
            let mut listening = entries.filter(|entry| entry["message"] == "listening");
            let public = listening.find_map(|entry| entry["public"].as_str().map(str::to_owned));
            public.map(Some).ok_or(log)
        });
        self.url = format!("http://{}", found.await.expect("its address"));
    }
}

/// Makes the keys of all gateways, or copies them.
async fn make_keys(place: &Path) {
    let folder = place.join(KEYS);
    let made = KEY_FILES.get_or_init(|| async {
        output_of(place, &["keys", KEYS]).await;
        let files = std::fs::read_dir(&folder).expect("the keys").map(|file| {
            let file = file.expect("a key");
            (file.file_name(), std::fs::read(file.path()).expect("a key"))
        });
        files.collect()
    });
    let made = made.await;
    std::fs::create_dir_all(&folder).expect("a folder");
    for (name, key) in made {
        std::fs::write(folder.join(name), key).expect("a key");
    }
}

fn log(place: &Path) -> String {
    std::fs::read_to_string(place.join("log")).unwrap_or_default()
}

fn gateway(place: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("this program"));
    command
        .args(["gateway::program", "--exact", "--nocapture", "--quiet"])
        .env(ARGUMENTS, arguments.join("\n"))
        .env("LOG", "info")
        .current_dir(place)
        .env("GATEWAY_SHUTDOWN_DELAY", "0s")
        .kill_on_drop(true);
    command
}

async fn output_of(place: &Path, arguments: &[&str]) -> String {
    let output = gateway(place, arguments).output().await.expect("a process");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    assert!(output.status.success(), "{arguments:?}: {}", text(output.stderr));
    text(output.stdout)
}

fn serve(place: &Path, database: &Database) -> Child {
    let log = std::fs::File::create(place.join("log")).expect("a log");
    gateway(place, &["run", "shop.toml"])
        .env("GATEWAY_DATABASE_URL", database.url())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .expect("a process")
}

/// Not a test, but the entry of the gateway's processes.
#[test]
fn program() {
    let Ok(arguments) = std::env::var(ARGUMENTS) else { return };
    let arguments = arguments.split('\n').map(OsString::from);
    let code = ballet_gateway::main(std::iter::once("ballet-gateway".into()).chain(arguments));
    std::process::exit(i32::from(code != std::process::ExitCode::SUCCESS));
}
