//! Services behind the gateway.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::HeaderMap;
use axum::response::Response;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

#[derive(Debug, Clone)]
pub(crate) struct ReceivedRequest {
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl ReceivedRequest {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

#[derive(Debug)]
pub(crate) struct TestService {
    pub(crate) address: String,
    got: Arc<Mutex<Vec<ReceivedRequest>>>,
    task: JoinHandle<()>,
}

type Answer = Arc<dyn Fn(&ReceivedRequest) -> Response + Send + Sync>;

impl TestService {
    pub(crate) async fn start(
        answer: impl Fn(&ReceivedRequest) -> Response + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Self::on(listener, answer)
    }

    pub(crate) fn on(
        listener: TcpListener,
        answer: impl Fn(&ReceivedRequest) -> Response + Send + Sync + 'static,
    ) -> Self {
        let address = format!("http://{}", listener.local_addr().unwrap());
        let got: Arc<Mutex<Vec<ReceivedRequest>>> = Arc::default();
        let answer: Answer = Arc::new(answer);
        let routes = Router::new().fallback(handle).with_state((Arc::clone(&got), answer));
        let task = tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() });
        Self { address, got, task }
    }

    pub(crate) async fn ok() -> Self {
        Self::start(|_| text(200, "ok")).await
    }

    pub(crate) fn got(&self) -> Vec<ReceivedRequest> {
        self.got.lock().unwrap().clone()
    }

    pub(crate) fn upstream(&self, name: &str) -> String {
        format!("[[upstream]]\nname = \"{name}\"\nservers = [\"{}\"]\n", self.address)
    }
}

impl Drop for TestService {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn handle(
    State((got, answer)): State<(Arc<Mutex<Vec<ReceivedRequest>>>, Answer)>,
    request: Request,
) -> Response {
    let (head, body) = request.into_parts();
    let path = head.uri.path_and_query().unwrap().to_string();
    let body = to_bytes(body, usize::MAX).await.unwrap_or_default().to_vec();
    let one = ReceivedRequest { path, headers: head.headers, body };
    let response = answer(&one);
    got.lock().unwrap().push(one);
    response
}

pub(crate) fn text(status: u16, text: &str) -> Response {
    Response::builder().status(status).body(Body::from(text.to_owned())).unwrap()
}

pub(crate) fn json(status: u16, text: &str) -> Response {
    let response = Response::builder().status(status).header("content-type", "application/json");
    response.body(Body::from(text.to_owned())).unwrap()
}

pub(crate) const ROUTE: &str = "[[route]]\nprefix = \"/a\"\nmethods = [\"GET\", \"POST\", \"PUT\"]\n\
                         upstream = \"a\"\npublic = true\n";
