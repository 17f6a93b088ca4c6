//! What `my_system` says about itself, so that it can be tried: `cargo trials --help`.

mod audit;

use std::process::ExitCode;

use anyhow::Result;
use ballet::{Event, EventType};
use ballet_trials::{Audit, Begun, Case, End, Report, ServiceProgram, Site, Trial};
use my_service::events::{RequestAccepted, RequestMade, RequestWithdrawn};

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
        let saga = site.new_id();
        let text = if matches!(client, Client::SaysNothing) { "" } else { "A table for two" };
        let request = RequestMade { request_id: saga, text: text.to_owned() };
        site.publish("client", saga, &request).await?;
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

    async fn audit(&self, audit: Audit<'_>) -> Result<Report> {
        audit::requests(audit.at.database("my_service")?).await
    }
}

fn main() -> ExitCode {
    ballet_trials::main(Requests)
}
