//! The bounds of a listener, as its clients meet them.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use ballet_http::departure::Departure;
use ballet_http::serving::{ListenerLimits, serve};
use bytes::Bytes;
use hyper::body::{Body, Frame};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};

const SOON: Duration = Duration::from_secs(60);
const SHORT: Duration = Duration::from_millis(200);

static PIECE: [u8; 64 * 1024] = [0; 64 * 1024];

struct EndlessBody {
    _held: DropReport,
}

impl Body for EndlessBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(&PIECE)))))
    }
}

struct DropReport(Arc<Semaphore>);

impl Drop for DropReport {
    fn drop(&mut self) {
        self.0.add_permits(1);
    }
}

struct TestListener {
    address: SocketAddr,
    /// Requests for `/held`, and how many of them may go on.
    entered: Arc<Semaphore>,
    let_go: Arc<Semaphore>,
    /// Answers of `/endless` that were given up.
    left: Arc<Semaphore>,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl TestListener {
    async fn new(limits: ListenerLimits) -> Self {
        Self::leaving_after(Duration::ZERO, limits).await
    }

    /// A listener that takes new connections for `delay` after it was asked to stop.
    async fn leaving_after(delay: Duration, limits: ListenerLimits) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let counter = || Arc::new(Semaphore::new(0));
        let (entered, let_go, left) = (counter(), counter(), counter());
        let (entering, waiting, leaving) = (entered.clone(), let_go.clone(), left.clone());
        let held = move || {
            let (entering, waiting) = (entering.clone(), waiting.clone());
            async move {
                entering.add_permits(1);
                waiting.acquire().await.expect("open").forget();
                "it was held"
            }
        };
        let endless = move || {
            let held = DropReport(leaving.clone());
            async move { axum::body::Body::new(EndlessBody { _held: held }) }
        };
        let router = Router::new()
            .route("/", get(|| async { "it is here" }))
            .route("/held", get(held))
            .route("/endless", get(endless));
        let (stop, asked) = watch::channel(false);
        let departure = Departure::new(asked, delay);
        let task = tokio::spawn(serve(listener, router, limits, departure));
        Self { address, entered, let_go, left, stop, task }
    }

    async fn says(&self, text: &str) -> TcpStream {
        let mut client = TcpStream::connect(self.address).await.expect("a connection");
        client.write_all(text.as_bytes()).await.expect("sent");
        client
    }

    async fn asks(&self, path: &str) -> TcpStream {
        self.says(&request(path)).await
    }
}

fn request(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n")
}

async fn one_of(all: &Semaphore) {
    timeout(SOON, all.acquire()).await.expect("in time").expect("open").forget();
}

async fn until_said(client: &mut TcpStream, text: &str) {
    let mut said = String::new();
    let reading = async {
        while !said.contains(text) {
            let mut piece = [0; 4096];
            let count = client.read(&mut piece).await.expect("it can be read");
            assert!(count > 0, "it ended before {text:?}: {said}");
            said.push_str(&String::from_utf8_lossy(&piece[..count]));
        }
    };
    timeout(SOON, reading).await.expect("said in time");
}

async fn until_closed(mut client: TcpStream) -> String {
    let mut said = String::new();
    let read = timeout(SOON, client.read_to_string(&mut said)).await;
    read.expect("it is left open").expect("it can be read");
    said
}

#[tokio::test]
async fn a_connection_that_asks_for_nothing_is_closed() {
    let served =
        TestListener::new(ListenerLimits { connections: 9, patience: SHORT, taking: SHORT }).await;
    // A client that sends nothing, one that begins a request, and one that has sent a request.
    let whole = request("/");
    for said in ["", &whole[..10], whole.as_str()] {
        let told = until_closed(served.says(said).await).await;
        assert_eq!(told.contains("it is here"), said == whole, "{told}");
    }
}

#[tokio::test]
async fn a_client_that_takes_nothing_of_its_answer_is_given_up() {
    let served =
        TestListener::new(ListenerLimits { connections: 9, patience: SHORT, taking: SHORT }).await;
    let _takes_nothing = served.asks("/endless").await;
    one_of(&served.left).await;
}

#[tokio::test]
async fn a_head_is_no_longer_than_it_may_be() {
    let served = TestListener::new(ListenerLimits::new(9)).await;
    let begun = "GET / HTTP/1.1\r\nx: ";
    let long = format!("{begun}{}", "a".repeat(64 * 1024 - begun.len()));
    let many = format!("GET / HTTP/1.1\r\n{}\r\n", "x: a\r\n".repeat(101));
    for head in [long, many] {
        let told = until_closed(served.says(&head).await).await;
        assert!(told.starts_with("HTTP/1.1 431 "), "{told}");
    }
}

#[tokio::test]
async fn connections_wait_for_a_place() {
    let served = TestListener::new(ListenerLimits::new(2)).await;
    let mut clients = Vec::new();
    for _ in 0..5 {
        let said = "GET /held HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
        clients.push(served.says(said).await);
    }
    one_of(&served.entered).await;
    one_of(&served.entered).await;
    assert!(timeout(SHORT, served.entered.acquire()).await.is_err(), "a third one got in");
    served.let_go.add_permits(5);
    for client in clients {
        assert!(until_closed(client).await.contains("it was held"));
    }
}

#[tokio::test]
async fn a_stop_answers_what_is_in_hand_and_closes_the_rest() {
    let served = TestListener::new(ListenerLimits::new(9)).await;
    let mut idle = served.asks("/").await;
    until_said(&mut idle, "it is here").await;
    let held = served.asks("/held").await;
    one_of(&served.entered).await;
    served.stop.send(true).expect("it serves");
    assert_eq!(until_closed(idle).await, "");
    TcpStream::connect(served.address).await.expect_err("nobody listens");
    served.let_go.add_permits(1);
    let told = until_closed(held).await;
    assert!(told.contains("it was held"), "{told}");
    timeout(SOON, served.task).await.expect("in time").expect("no panic");
}

#[tokio::test]
async fn after_a_stop_new_connections_are_served_for_a_while_and_kept_ones_are_let_go() {
    let delay = Duration::from_secs(2);
    let served = TestListener::leaving_after(delay, ListenerLimits::new(9)).await;
    let mut kept = served.asks("/").await;
    until_said(&mut kept, "it is here").await;
    let begun = Instant::now();
    served.stop.send(true).expect("it serves");
    // A balancer has not heard of it yet: its request goes over a connection that it keeps, or a new one.
    kept.write_all(request("/").as_bytes()).await.expect("sent");
    for told in [until_closed(kept).await, until_closed(served.asks("/").await).await] {
        assert!(told.contains("connection: close") && told.contains("it is here"), "{told}");
    }
    // A connection without a request stays until then.
    assert_eq!(until_closed(served.says("").await).await, "");
    assert!(begun.elapsed() >= delay, "{:?}", begun.elapsed());
    TcpStream::connect(served.address).await.expect_err("nobody listens");
    timeout(SOON, served.task).await.expect("in time").expect("no panic");
}
