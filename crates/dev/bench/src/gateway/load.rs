//! Sends requests over many connections, as fast as answers come or at a fixed rate.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use futures_util::future::try_join_all;
use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{HOST, HeaderName, HeaderValue};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::runs::figures::count;

const CONNECTIONS: usize = 64;
/// First requests do not count.
const WARM_UP: Duration = Duration::from_millis(500);
/// A request still unsent this long after it was due is given up, with this latency.
const GIVEN_UP: Duration = Duration::from_secs(5);
/// Beyond a load's plan.
const SLACK: Duration = Duration::from_secs(60);

/// When requests are due: at a fixed rate, whatever happens to earlier ones. They are numbered from 0.
#[derive(Debug, Clone, Copy)]
struct Schedule {
    every: Duration,
    requests: usize,
}

impl Schedule {
    fn new(rate: f64, time: Duration) -> Self {
        let every = Duration::from_secs_f64(1.0 / rate.max(1.0));
        Self { every, requests: before(time, every) }
    }

    fn due(&self, number: usize) -> Duration {
        Duration::from_secs_f64(self.every.as_secs_f64() * count(number))
    }

    /// The number of requests that are due once this time has passed.
    fn due_by(&self, passed: Duration) -> usize {
        (before(passed, self.every) + 1).min(self.requests)
    }
}

/// The number of times that one duration fits into another.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a number of requests, never negative"
)]
fn before(time: Duration, every: Duration) -> usize {
    (time.as_secs_f64() / every.as_secs_f64()) as usize
}

/// Identifies a client.
#[derive(Debug, Clone)]
pub(crate) struct ClientCredentials {
    pub(crate) name: HeaderName,
    pub(crate) value: HeaderValue,
}

#[derive(Debug, Clone)]
pub(crate) struct LoadTarget {
    pub(crate) address: SocketAddr,
    /// The clients, which share the connections.
    pub(crate) clients: Arc<[ClientCredentials]>,
}

/// Each connection sends when it has its last answer. Returns the requests a second.
pub(crate) async fn closed(target: &LoadTarget, time: Duration) -> Result<f64> {
    let begin = Instant::now() + WARM_UP;
    let end = begin + time;
    let each = connect(target).await?.into_iter().map(|mut connection| async move {
        let mut answers = 0_usize;
        loop {
            connection.ask().await?;
            let now = Instant::now();
            if now >= end {
                return anyhow::Ok(answers);
            }
            answers += usize::from(now >= begin);
        }
    });
    let answers: usize = together(each, time).await?.into_iter().sum();
    Ok(count(answers) / time.as_secs_f64())
}

/// Returns latencies in milliseconds, from when a request was due.
pub(crate) async fn open(target: &LoadTarget, rate: f64, time: Duration) -> Result<Vec<f64>> {
    let schedule = Schedule::new(rate, WARM_UP + time);
    let connections = connect(target).await?;
    let (due, next) = (Arc::new(Semaphore::new(0)), Arc::new(AtomicUsize::new(0)));
    let begin = Instant::now();
    let released = Arc::clone(&due);
    let pace = tokio::task::spawn_blocking(move || release(schedule, begin, &released));
    let each = connections.into_iter().map(|mut connection| {
        let (due, next) = (Arc::clone(&due), Arc::clone(&next));
        async move {
            let mut latencies = Vec::new();
            loop {
                due.acquire().await?.forget();
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= schedule.requests {
                    return anyhow::Ok(latencies);
                }
                let since = schedule.due(number);
                if begin.elapsed() < since + GIVEN_UP {
                    connection.ask().await?;
                }
                if since >= WARM_UP {
                    let latency = begin.elapsed().saturating_sub(since);
                    latencies.push(latency.as_secs_f64() * 1_000.0);
                }
            }
        }
    });
    let latencies = together(each, time).await?.concat();
    pace.await.context("the pace of the load failed")?;
    Ok(latencies)
}

/// A thread sleeps to within a few microseconds, the runtime's timer only to a millisecond.
fn release(schedule: Schedule, begin: Instant, due: &Semaphore) {
    let mut released = 0;
    while released < schedule.requests {
        let now = schedule.due_by(begin.elapsed());
        due.add_permits(now - released);
        released = now;
        #[allow(clippy::disallowed_methods, reason = "the thread has no other work")]
        std::thread::sleep(schedule.due(released).saturating_sub(begin.elapsed()));
    }
    // Wakes all connections, which learn that no more requests come.
    due.add_permits(CONNECTIONS);
}

async fn together<T: Send + 'static>(
    each: impl Iterator<Item = impl Future<Output = Result<T>> + Send + 'static>,
    time: Duration,
) -> Result<Vec<T>> {
    // After one failure the others are dropped with the set.
    let mut tasks: JoinSet<_> = each.collect();
    let all = async {
        let mut all = Vec::new();
        while let Some(ended) = tasks.join_next().await {
            all.push(ended.context("a client failed")??);
        }
        anyhow::Ok(all)
    };
    let ended = tokio::time::timeout(time + WARM_UP + SLACK, all).await;
    ended.context("there are requests without an answer")?
}

async fn connect(target: &LoadTarget) -> Result<Vec<ClientConnection>> {
    let open = (0..CONNECTIONS).map(|number| ClientConnection::open(target, number));
    try_join_all(open).await
}

pub(crate) struct ClientConnection {
    sender: SendRequest<Full<Bytes>>,
    target: LoadTarget,
    number: usize,
    sent: usize,
}

impl ClientConnection {
    pub(crate) async fn open(target: &LoadTarget, number: usize) -> Result<Self> {
        let address = target.address;
        let stream = TcpStream::connect(address).await;
        let stream = stream.with_context(|| format!("cannot connect to {address}"))?;
        stream.set_nodelay(true).context("cannot set up a connection")?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        // Its errors are also those of its requests.
        tokio::spawn(connection);
        Ok(Self { sender, target: target.clone(), number, sent: 0 })
    }

    /// Reads the whole answer.
    pub(crate) async fn ask(&mut self) -> Result<()> {
        let Self { target, number, sent, .. } = self;
        *sent += 1;
        let ClientCredentials { name, value } = &target.clients[*number % target.clients.len()];
        let request = Request::builder().header(HOST, "shop.example").header(name, value);
        let request = request.uri(format!("/things/{sent}")).body(Full::default());
        self.sender.ready().await.context("a connection ended")?;
        let answer = self.sender.send_request(request?).await.context("no answer")?;
        let status = answer.status();
        let body = answer.into_body().collect().await.context("an answer broke off")?.to_bytes();
        ensure!(status.is_success(), "{status}: {}", String::from_utf8_lossy(&body));
        Ok(())
    }
}
