//! The routes: addresses and their handlers.

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{get, post};

use crate::server::site::Site;
use crate::server::{
    acts, assets, dead_letter_acts, gate, metrics, pages, saga_acts, session, step_acts, system,
    tail,
};

/// In bytes.
const FORM: usize = 16 * 1024;

pub(crate) fn router(site: Arc<Site>) -> Router {
    let acting = Router::new()
        .route("/dead-letters/act", get(dead_letter_acts::plan).post(dead_letter_acts::act))
        .route(
            "/dead-letters/{service}/{id}/edit",
            get(dead_letter_acts::edit_form).post(dead_letter_acts::edit),
        )
        .route("/dead-letters/{service}/{id}/unmasked", post(dead_letter_acts::unmasked))
        .route("/sagas/{id}/unmasked", post(saga_acts::unmasked))
        .route("/sagas/{id}/stop", get(saga_acts::stop_form).post(saga_acts::stop))
        .route("/retry", get(saga_acts::retry_form).post(saga_acts::retry))
        .route("/sagas/{id}/solved", get(step_acts::solved_form).post(step_acts::solved))
        .route("/sagas/{id}/answer", get(step_acts::answer_form).post(step_acts::answer))
        .route("/actions/{id}/stop", post(acts::stop))
        .layer(from_fn_with_state(Arc::clone(&site), gate::operators))
        .layer(DefaultBodyLimit::max(gate::MOST_OF_A_FORM));
    let private = Router::new()
        .merge(acting)
        .route("/tail", get(tail::tail))
        .route("/actions", get(acts::all))
        .route("/actions/{id}", get(acts::one))
        .route("/", get(pages::now))
        .route("/sagas", get(pages::sagas))
        .route("/sagas/{id}", get(pages::saga))
        .route("/dead-letters", get(pages::dead_letters))
        .route("/dead-letters/{service}/{id}", get(pages::dead_letter))
        .route("/services", get(system::services))
        .route("/coverage", get(system::coverage))
        .route("/events", get(pages::events))
        .route("/events/{name}", get(pages::event))
        .layer(from_fn_with_state(Arc::clone(&site), gate::logged_in));
    let login = Router::new()
        .route("/login", get(session::form).post(session::log_in))
        .layer(DefaultBodyLimit::max(FORM))
        .layer(from_fn(gate::in_time));
    Router::new()
        .merge(private)
        .merge(login)
        .route("/logout", post(session::log_out))
        .route("/console.css", get(assets::style))
        .route("/console.js", get(assets::script))
        .route("/console.svg", get(assets::sign))
        .route("/health", get(|| async { "it runs\n" }))
        .route("/readyz", get(gate::ready))
        .route("/metrics", get(metrics::metrics))
        .fallback(pages::unknown)
        .method_not_allowed_fallback(pages::unknown)
        .layer(from_fn_with_state(Arc::clone(&site), gate::own_forms))
        .layer(from_fn_with_state(Arc::clone(&site), gate::own_hosts))
        .layer(from_fn(gate::headers))
        .with_state(site)
}
