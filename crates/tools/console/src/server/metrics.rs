//! The metrics, in Prometheus' text format.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;

use crate::server::live::in_a_moment;
use crate::server::site::Site;
use crate::store::violations;

/// Numbers alone, as nobody has to log in.
pub(super) async fn metrics(State(site): State<Arc<Site>>) -> (StatusCode, String) {
    match in_a_moment(violations::counts(&site.context.pool)).await {
        Ok(counts) => {
            let mut text = "# TYPE console_violations gauge\n".to_owned();
            for (property, count) in counts {
                text.push_str(&format!("console_violations{{property=\"{property}\"}} {count}\n"));
            }
            (StatusCode::OK, text)
        }
        Err(error) => {
            tracing::warn!("the violations cannot be counted: {error}");
            (StatusCode::SERVICE_UNAVAILABLE, "the console's database does not answer\n".to_owned())
        }
    }
}
