//! What `my_system` says about itself, so that it can be tried: `cargo trials --help`.

mod audit;

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Result;
use ballet::{Event, EventType};
use ballet_trials::{
    Attempt, Audit, Begun, Case, End, Operation, Report, Seen, ServiceProgram, Site, Trial,
};
use my_service::events::{RequestAccepted, RequestMade, RequestWithdrawn};
use uuid::Uuid;

/// The system.
#[derive(Debug)]
struct Requests;

/// What a client does.
#[derive(Debug)]
enum Client {
    Asks,
    SaysNothing,
    Withdraws,
}

impl Trial for Requests {
    type Case = Client;

    const NAME: &'static str = "my_system";
    const COMPLETED: &'static [EventType] = &[RequestAccepted::TYPE];
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
            Case::new("a request that says nothing", 10, Client::SaysNothing),
            Case::new("a request that is withdrawn", 10, Client::Withdraws),
        ]
    }

    async fn play(&self, client: &Client, _number: usize, site: &Site) -> Result<Begun> {
        let text = if matches!(client, Client::SaysNothing) { "" } else { "A table for two" };
        let saga = ask(text, site).await?;
        let end = match client {
            Client::Asks => End::Completed,
            Client::SaysNothing => End::aborted("it does not say what is wanted"),
            Client::Withdraws => {
                site.wait_for(saga, RequestAccepted::TYPE).await;
                site.publish("client", saga, &RequestWithdrawn { request_id: saga }).await?;
                End::aborted("it was withdrawn")
            }
        };
        Ok(Begun { saga, end })
    }

    /// A request needs no service, for the broker keeps it. What takes an answer `.needs("my_service")`.
    async fn operations(&self, site: &Arc<Site>) -> Result<Vec<Operation>> {
        let site = Arc::clone(site);
        let request = move || makes_a_request(Arc::clone(&site));
        Ok(vec![Operation::does("make a request", request).followed()])
    }

    async fn audit(&self, audit: Audit<'_>) -> Result<Report> {
        audit::requests(audit.at.database("my_service")?).await
    }
}

/// Makes a request. Returns its saga.
async fn ask(text: &str, site: &Site) -> Result<Uuid> {
    let saga = site.new_id();
    let request = RequestMade { request_id: saga, text: text.to_owned() };
    site.publish("client", saga, &request).await?;
    Ok(saga)
}

async fn makes_a_request(site: Arc<Site>) -> Result<Attempt> {
    let saga = ask("A table for two", &site).await?;
    Ok(Attempt { seen: Seen::Works, begun: Some(Begun { saga, end: End::Completed }) })
}

fn main() -> ExitCode {
    ballet_trials::main(Requests)
}
