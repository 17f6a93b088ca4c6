//! The page with the map. It loads nothing from elsewhere, and shows what the public lists contain.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use axum::extract::State;
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use ballet_ops::terminal::ui;
use futures_util::{Stream, stream};
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::load::town::plan::TownPlan;
use crate::load::town::snapshot::TownSnapshot;

const CSP: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
                   base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
const ALIVE: Duration = Duration::from_secs(15);

type Seen = watch::Receiver<Arc<TownSnapshot>>;

/// Prints its address at the beginning and whenever the town wakes up.
pub(crate) async fn serve(seen: Seen, mut calm: watch::Receiver<bool>) -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await.context("no port for the map")?;
    let address = listener.local_addr()?;
    let router = Router::new()
        .route("/", get(text("text/html; charset=utf-8", include_str!("page/map.html"))))
        .route("/map.css", get(text("text/css; charset=utf-8", include_str!("page/map.css"))))
        .route("/map.js", get(text("text/javascript; charset=utf-8", include_str!("page/map.js"))))
        .route("/plan.json", get(async || Json(TownPlan::new())))
        .route("/events", get(events))
        .layer(axum::middleware::map_response(guarded))
        .with_state(seen);
    let say = async {
        loop {
            calm.wait_for(|calm| !calm).await?;
            ui::say(&format!("a map of the town is at http://{address}/"));
            calm.wait_for(|calm| *calm).await?;
        }
    };
    tokio::select! {
        ended = axum::serve(listener, router).into_future() => ended.context("the map's page ended"),
        ended = say => ended,
    }
}

fn text(
    kind: &'static str,
    text: &'static str,
) -> impl Fn() -> std::future::Ready<Response> + Clone {
    move || std::future::ready(([(header::CONTENT_TYPE, kind)], text).into_response())
}

async fn guarded(mut response: Response) -> Response {
    let mut say = |name: HeaderName, value| {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    };
    say(header::CONTENT_SECURITY_POLICY, CSP);
    say(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    say(header::REFERRER_POLICY, "no-referrer");
    say(header::CACHE_CONTROL, "no-store");
    response
}

/// Streams the map, again after each look at the town.
async fn events(
    State(mut seen): State<Seen>,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    seen.mark_changed();
    let events = stream::unfold(seen, async |mut seen| {
        seen.changed().await.ok()?;
        let event = Event::default().json_data(&seen.borrow_and_update().shown);
        Some((Ok(event.unwrap_or_default()), seen))
    });
    Sse::new(events).keep_alive(KeepAlive::new().interval(ALIVE))
}
