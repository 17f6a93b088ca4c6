//! HTTP: the listener.

use std::net::SocketAddr;

use axum::Router;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::StartError;
use crate::engine;

pub(super) async fn serve(
    tasks: &mut JoinSet<()>,
    listen: SocketAddr,
    routes: Router,
    mut stopping: watch::Receiver<bool>,
) -> Result<SocketAddr, StartError> {
    let fail = |error| StartError::Listen { address: listen, error };
    let listener = TcpListener::bind(listen).await.map_err(fail)?;
    let address = listener.local_addr().map_err(fail)?;
    tasks.spawn(async move {
        let stopped = async move { engine::stopped(&mut stopping).await };
        if let Err(error) = axum::serve(listener, routes).with_graceful_shutdown(stopped).await {
            tracing::error!("HTTP ended: {error}");
        }
    });
    Ok(address)
}
