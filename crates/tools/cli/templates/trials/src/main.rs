//! `my_system` described for its trials: `cargo trials --help`.

#![allow(clippy::disallowed_methods, reason = "no handler runs here")]

mod audit;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use ballet::{Event, EventType};
use ballet_trials::{
    Attempt, Audit, BegunSaga, Case, ClientAnswer, End, Move, Operation, Report, ServiceProgram,
    Site, Trial, seen, send_until_answered,
};
use my_service::{RequestAnswered, RequestConfirmed, RequestOverdue};
use serde_json::{Value, json};

const PAUSE: Duration = Duration::from_millis(100);

/// The system.
#[derive(Debug)]
struct Requests;

/// The acts of a client.
#[derive(Debug)]
enum Client {
    Asks,
    AsksForTooMany,
    Withdraws,
}

impl Trial for Requests {
    type Case = Client;

    const NAME: &'static str = "my_system";
    const COMPLETED: &'static [EventType] = &[RequestConfirmed::TYPE];
    const SAGAS: &'static str = "requests";

    fn services(&self) -> Vec<ServiceProgram> {
        vec![
            // `cargo ballet new service` adds its service here.
            ServiceProgram::of(my_service::service),
        ]
    }

    fn cases(&self) -> Vec<Case<Client>> {
        vec![
            Case::new("a request", 80, Client::Asks),
            Case::new("a request for too many", 10, Client::AsksForTooMany),
            Case::new("a request that is withdrawn", 10, Client::Withdraws),
        ]
    }

    async fn play(&self, client: &Client, number: usize, site: &Site) -> Result<BegunSaga> {
        let places = if matches!(client, Client::AsksForTooMany) { 9 } else { 2 };
        let saga = site.new_id();
        ask(site, number, &format!("/requests/{saga}"), &wish(places)).await?;
        let end = match client {
            Client::Asks => {
                site.publish("clerk", saga, &RequestAnswered {}).await?;
                End::Completed
            }
            Client::AsksForTooMany => End::aborted("there are 8 places at most"),
            Client::Withdraws => {
                ask(site, number, &format!("/requests/{saga}/withdraw"), &Value::Null).await?;
                End::aborted("it was withdrawn")
            }
        };
        Ok(BegunSaga { saga, end })
    }

    async fn operations(&self, site: &Arc<Site>) -> Result<Vec<Operation>> {
        let site = Arc::clone(site);
        let request = move || makes_a_request(Arc::clone(&site));
        Ok(vec![Operation::does("make a request", request).needs("my_service").followed()])
    }

    /// A client asks, the clerk answers, and the client may withdraw, which is refused once the clerk has answered.
    async fn moves<'a>(&'a self, number: usize, site: &'a Site) -> Result<Vec<Move<'a>>> {
        let saga = site.new_id();
        let asks = Move::new("asks", move || async move {
            ask(site, number, &format!("/requests/{saga}"), &wish(2)).await.map(|()| true)
        });
        let withdraws = Move::new("withdraws", move || async move {
            let path = format!("/requests/{saga}/withdraw");
            anyhow::Ok(ask(site, number, &path, &Value::Null).await.is_ok())
        });
        let answers = Move::new("gets an answer from the clerk", move || async move {
            site.publish("clerk", saga, &RequestAnswered {}).await.map(|()| true)
        });
        Ok(vec![asks, withdraws.optional(), answers])
    }

    fn unreachable(&self, _service: &str, point: &str) -> Option<&'static str> {
        let overdue = point.contains(RequestOverdue::TYPE.name());
        overdue.then_some("every request is answered before its deadline")
    }

    async fn audit(&self, audit: Audit<'_>) -> Result<Report> {
        audit::requests(audit.at.database("my_service")?).await
    }
}

/// A client makes a request once, and the clerk answers it.
async fn makes_a_request(site: Arc<Site>) -> Result<Attempt> {
    let Ok(url) = site.url("my_service", 0).await else { return Ok(ClientAnswer::Nothing.into()) };
    let saga = site.new_id();
    let request = site.http.post(format!("{url}/requests/{saga}")).json(&wish(2));
    let (seen, _) = seen(request).await;
    if seen != ClientAnswer::Works {
        return Ok(seen.into());
    }
    site.publish("clerk", saga, &RequestAnswered {}).await?;
    Ok(Attempt { seen, begun: Some(BegunSaga { saga, end: End::Completed }) })
}

fn wish(places: u16) -> Value {
    json!({ "text": "A table by the window", "places": places })
}

/// Asks the service until it has answered: it may be killed meanwhile. The request's id makes all attempts one request.
async fn ask(site: &Site, number: usize, path: &str, body: &Value) -> Result<()> {
    loop {
        // The service has no address while it starts again.
        let Ok(url) = site.url("my_service", number).await else {
            tokio::time::sleep(PAUSE).await;
            continue;
        };
        let request = site.http.post(format!("{url}{path}")).json(body);
        let Ok(answer) = send_until_answered(request).await else { continue };
        let status = answer.status();
        if status.is_success() {
            return Ok(());
        }
        if !status.is_server_error() {
            let text = answer.text().await.unwrap_or_default();
            anyhow::bail!("{path} was answered with {status}: {text}");
        }
    }
}

fn main() -> ExitCode {
    ballet_trials::main(Requests)
}
