//! The service's own routes: how many requests are served at a time, and under which span.

use std::sync::{Arc, OnceLock};

use axum::Router;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use ballet_store::database::renewal::Renewal;
use tokio::sync::Semaphore;

use crate::engine::handlers::guard::guarded;
use crate::http::door::Door;
use crate::http::problem::{OutdatedStatement, Problem};
use crate::http::trace::Tracer;

#[derive(Debug, Clone)]
pub(crate) struct OwnRoutes {
    router: Arc<OnceLock<Router>>,
    permits: Arc<Semaphore>,
    most: u16,
    renewal: Renewal,
    tracer: Tracer,
    door: Door,
}

impl OwnRoutes {
    /// At most `most` requests are served at a time.
    pub(crate) fn new(most: u16, renewal: Renewal, tracer: Tracer, door: Door) -> Self {
        let permits = Arc::new(Semaphore::new(usize::from(most)));
        Self { router: Arc::default(), permits, most, renewal, tracer, door }
    }

    /// Serves these routes from now on. Returns false if there are others already.
    pub(crate) fn serve(&self, router: Router) -> bool {
        self.router.set(router).is_ok()
    }

    pub(super) async fn answer(self, request: Request) -> Response {
        let Some(router) = self.router.get().cloned() else {
            let starting = "the service is starting: /readyz says what it waits for";
            return unavailable(starting);
        };
        let (head, body) = request.into_parts();
        if let Err(refused) = self.door.check(&head).await {
            return refused.into_response();
        }
        let request = Request::from_parts(head, body);
        let Ok(_permit) = self.permits.try_acquire() else {
            return unavailable(format!(
                "the service is serving {} requests, the limit (HTTP_REQUESTS): try again",
                self.most
            ));
        };
        let response = self.tracer.serve(request, |request| call(router, request)).await;
        if response.extensions().get::<OutdatedStatement>().is_some() {
            self.renewal.renew();
        }
        response
    }
}

fn unavailable(detail: impl Into<String>) -> Response {
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail).into_response()
}

/// A handler that panics fails only its request. A broken connection would look like an unavailable
/// service.
async fn call(mut router: Router, request: Request) -> Response {
    let answered = async {
        match tower_service::Service::call(&mut router, request).await {
            Ok(response) => Ok::<_, Problem>(response),
            Err(never) => match never {},
        }
    };
    guarded(answered).await.into_response()
}
