//! The public listener: its limits and its end.

use axum::Router;
use ballet_http::departure::Departure;
use ballet_http::serving::{ListenerLimits, serve_fairly};
use tokio::net::TcpListener;
use tokio::time::sleep;

use crate::gate::in_force::CurrentGate;
use crate::gate::serve::serve;

/// Serves until its departure closes the listener, and then until all requests have ended or the time to drain is over.
pub(crate) async fn run(listener: TcpListener, current: CurrentGate, departure: Departure) {
    let gate = current.get();
    let (limits, timeouts) = (&gate.config.limits, &gate.config.timeouts);
    let (patience, taking, drain) = (timeouts.headers.0, timeouts.idle.0, timeouts.drain.0);
    let limits = ListenerLimits { connections: limits.connections, patience, taking };
    // The connections of all clients come from their trusted proxies.
    let most_of = |address| {
        let config = &current.get().config;
        (!config.listen.trusts(address)).then_some(config.limits.address_connections)
    };
    let routes = Router::new().fallback(serve).with_state(current.clone());
    let served = async {
        serve_fairly(listener, routes, limits, departure.clone(), most_of).await;
        drop(gate.lasting.in_flight.write().await);
    };
    let over = async {
        departure.clone().closes().await;
        sleep(drain).await;
    };
    tokio::select! {
        () = served => {}
        () = over => tracing::warn!("requests were still in progress after {drain:?}"),
    }
}
