//! A Prometheus for the tests of alarms and boards: found, or installed.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use reqwest::Url;
use serde_json::{Value, json};

use crate::error::{Error, machine};
use crate::processes::children::{Child, Children};
use crate::random;
use crate::servers::install::{self, PROMETHEUS};
use crate::servers::process::start_failed;
use crate::servers::server_set::base_dir;
use crate::wait::wait_until;

/// The variable that names the directory with `prometheus` and `promtool`; then there is no search.
const NAMED: &str = "BALLET_PROMETHEUS_BIN";
/// The time between two scrapes and evaluations, and the limit for an answer.
const INTERVAL: &str = "1s";
const LISTENS: &str = "msg=\"Listening on\" address=";
const READY: &str = "Server is ready";
const LONGEST_START: Duration = Duration::from_secs(120);

/// A process to scrape, and its job.
#[derive(Debug, Clone)]
pub struct ScrapeTarget {
    job: String,
    url: Url,
}

impl ScrapeTarget {
    /// Makes a target of the URL of its metrics.
    pub fn new(job: &str, url: &str) -> Result<Self, Error> {
        let url = crate::url::parse("the URL of a target", url, &["http"])?;
        Ok(Self { job: job.to_owned(), url })
    }

    fn address(&self) -> String {
        let (host, port) = (self.url.host_str(), self.url.port_or_known_default());
        format!("{}:{}", host.unwrap_or_default(), port.unwrap_or_default())
    }
}

/// Makes the scrape configuration of one job.
fn scrape_config(job: &str, targets: &[&ScrapeTarget]) -> Value {
    let mut parameters = serde_json::Map::new();
    for (name, value) in targets.iter().flat_map(|target| target.url.query_pairs()) {
        let values = parameters.entry(name).or_insert_with(|| json!([]));
        values.as_array_mut().into_iter().for_each(|all| all.push(json!(value)));
    }
    let addresses: Vec<_> = targets.iter().map(|target| target.address()).collect();
    json!({
        "job_name": job, "metrics_path": targets[0].url.path(), "params": parameters,
        "static_configs": [{ "targets": addresses }],
    })
}

/// A Prometheus that scrapes and evaluates every second. It ends with this value.
#[derive(Debug)]
pub struct Prometheus {
    _child: Child,
    _dir: TemporaryDir,
    url: String,
}

/// A directory that goes with the server.
#[derive(Debug)]
struct TemporaryDir(PathBuf);

impl Drop for TemporaryDir {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).ok();
    }
}

impl Prometheus {
    /// Starts one with these rules. A minute in the rules, for conditions and ranges, lasts as long as `minute`.
    ///
    /// # Errors
    ///
    /// If there is none and it cannot be installed, or if it does not start with these rules.
    pub async fn start(
        targets: &[ScrapeTarget],
        rules: &str,
        minute: Duration,
    ) -> Result<Self, Error> {
        let program = prometheus().await?.join("prometheus");
        let name = format!("prometheus-{}-{}", std::process::id(), random::hex::<3>()?);
        let dir = TemporaryDir(base_dir().join(name));
        let made = fs::create_dir_all(&dir.0);
        made.map_err(machine(format!("create {}", dir.0.display())))?;
        let at = |name: &str| dir.0.join(name);
        let write = |name: &str, text: &str| {
            fs::write(at(name), text).map_err(machine(format!("write {}", at(name).display())))
        };
        let mut jobs: BTreeMap<&str, Vec<&ScrapeTarget>> = BTreeMap::new();
        for target in targets {
            jobs.entry(&target.job).or_default().push(target);
        }
        let config = json!({
            "global": {
                "scrape_interval": INTERVAL, "scrape_timeout": INTERVAL,
                "evaluation_interval": INTERVAL,
            },
            "rule_files": ["rules.yml"],
            "scrape_configs": jobs.iter().map(|(job, of)| scrape_config(job, of)).collect::<Vec<_>>(),
        });
        write("rules.yml", &with_short_minutes(rules, minute))?;
        // YAML has JSON in it.
        write("prometheus.yml", &config.to_string())?;
        let arguments = [
            format!("--config.file={}", at("prometheus.yml").display()),
            format!("--storage.tsdb.path={}", at("data").display()),
            "--web.listen-address=127.0.0.1:0".to_owned(),
        ];
        let log = at("log");
        let written = File::create(&log).map_err(machine(format!("write {}", log.display())))?;
        let mut child = Children::new()?
            .start(&program, &arguments, |command| {
                command.stdout(Stdio::null()).stderr(written);
            })
            .await?;
        let url = wait_until("Prometheus to be ready", LONGEST_START, || {
            let said = fs::read_to_string(&log).unwrap_or_default();
            let ended = child.ended();
            async move { find_url(&said, ended.is_some()) }
        });
        let url = url.await.unwrap_or_else(|expired| Err(expired.to_string()));
        let url = url.map_err(|cause| start_failed(PROMETHEUS.server, cause, &log))?;
        Ok(Self { _child: child, _dir: dir, url })
    }

    /// Returns the names of the alarms that ring now.
    pub async fn ringing(&self) -> Result<BTreeSet<String>, Error> {
        let series = self.query("ALERTS{alertstate=\"firing\"}").await?;
        let name = |one: &Value| one["metric"]["alertname"].as_str().map(str::to_owned);
        Ok(series.iter().filter_map(name).collect())
    }

    /// Returns the series of an expression now.
    ///
    /// # Errors
    ///
    /// If it does not answer, or does not understand the expression.
    pub async fn query(&self, expression: &str) -> Result<Vec<Value>, Error> {
        let failed = |cause: String| Error::Server {
            what: format!("ask for {expression}"),
            place: self.url.clone(),
            cause,
            advice: "is the expression one of Prometheus?",
        };
        let url = format!("{}/api/v1/query", self.url);
        let url = Url::parse_with_params(&url, [("query", expression)]);
        let answer = reqwest::get(url.map_err(|error| failed(error.to_string()))?).await;
        let answer = answer.map_err(|error| failed(error.to_string()))?.json::<Value>().await;
        let answer = answer.map_err(|error| failed(error.to_string()))?;
        let series = answer["data"]["result"].as_array();
        series.cloned().ok_or_else(|| failed(answer["error"].to_string()))
    }
}

/// Reads its URL from its log, or notices that it has ended. The outer error means "not yet".
fn find_url(log: &str, has_ended: bool) -> Result<Option<Result<String, String>>, String> {
    let address = log.lines().find_map(|line| line.split_once(LISTENS));
    match address.filter(|_| log.contains(READY)) {
        Some((_, address)) => Ok(Some(Ok(format!("http://{}", address.trim())))),
        None if has_ended => Ok(Some(Err("it ended".to_owned()))),
        None => Err(log.lines().last().unwrap_or("it has said nothing").to_owned()),
    }
}

/// Finds the directory with `prometheus` and `promtool`. If they are not installed, the system's package manager
/// installs them.
///
/// # Errors
///
/// If there are none, and none can be installed.
pub async fn prometheus() -> Result<PathBuf, Error> {
    install::programs(&PROMETHEUS, NAMED, &["prometheus", "promtool"]).await
}

/// Replaces the minutes in the rules.
fn with_short_minutes(rules: &str, minute: Duration) -> String {
    let mut parts = rules.split_inclusive(|c: char| !c.is_ascii_digit()).peekable();
    let mut text = String::new();
    while let Some(part) = parts.next() {
        let minutes = part.strip_suffix('m').and_then(|number| number.parse::<u32>().ok());
        let is_time = parts.peek().is_none_or(|next| next.starts_with([']', '\n']));
        match minutes.filter(|_| is_time) {
            Some(minutes) => text += &format!("{}ms", (minute * minutes).as_millis()),
            None => text += part,
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn minutes_are_made_short_and_nothing_else() {
        let rules = "expr: 'increase(a{x=\"5m\"}[4m]) > 300'\nfor: 10m\n";
        let short = "expr: 'increase(a{x=\"5m\"}[8000ms]) > 300'\nfor: 20000ms\n";
        assert_eq!(with_short_minutes(rules, Duration::from_secs(2)), short);
    }
}
