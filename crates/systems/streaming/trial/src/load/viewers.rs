//! Plays the scenarios, and says how each session must end.

use anyhow::{Context, Result, ensure};
use ballet::Event;
use ballet_trials::{BegunSaga, End, Site};
use reqwest::{Method, StatusCode};
use serde_json::json;
use streaming_events::accounts::ViewerAdmitted;

use crate::load::cases::ViewerScenario;
use crate::load::client::{Household, StreamingClient, TitlePublisher};

/// All viewers share these titles.
#[derive(Debug)]
pub(crate) struct Shelf {
    pub(crate) any: String,
    pub(crate) foreign: String,
    pub(crate) grim: String,
    pub(crate) publisher: TitlePublisher,
}

impl Shelf {
    pub(crate) async fn fill(site: &Site) -> Result<Self> {
        let publisher = TitlePublisher::new(site).await?;
        let publishes = publisher.at(StreamingClient::new(site, 0));
        Ok(Self {
            any: publishes.title("DE", 0).await?,
            foreign: publishes.title("FR", 0).await?,
            grim: publishes.title("DE", 16).await?,
            publisher,
        })
    }
}

pub(crate) async fn play(
    scenario: ViewerScenario,
    client: StreamingClient<'_>,
    shelf: &Shelf,
) -> Result<BegunSaga> {
    let (plan, devices) = match scenario {
        ViewerScenario::Watch | ViewerScenario::Pause => ("family", 1),
        ViewerScenario::ShareTooOften => ("duo", 3),
        ViewerScenario::ShareOne => ("basic", 2),
        ViewerScenario::TakeSmallerPlan => ("duo", 2),
        ViewerScenario::WantGrim => ("kids", 1),
        _ => ("duo", 1),
    };
    let home = client.home(plan, devices).await?;
    let viewer = home.at(client);
    match scenario {
        ViewerScenario::Watch => watch(viewer, &home, shelf, &[(1, 1), (2, 2)]).await,
        ViewerScenario::Pause => {
            watch(viewer, &home, shelf, &[(1, 1), (3, 1), (2, 1), (3, 1), (4, 2)]).await
        }
        ViewerScenario::LoseNetwork => {
            let session = viewer.request(&home, 0, &shelf.any).await?;
            viewer.decided(&session).await?;
            viewer.beat(&session, 1, 1).await?;
            expect_completed(&session)
        }
        ViewerScenario::Cancel => {
            let session = viewer.request(&home, 0, &shelf.any).await?;
            // Before or while the licence is granted.
            if client.http.number.is_multiple_of(2) {
                client.http.site.wait_for(session.parse()?, ViewerAdmitted::TYPE).await;
            }
            let stopped = viewer.stop(&session).await?;
            match stopped["status"].as_str() {
                Some("refused") => expect_refused(&session, "cancelled"),
                _ => expect_completed(&session),
            }
        }
        ViewerScenario::ShareTooOften => share_too_often(viewer, &home, shelf).await,
        ViewerScenario::ShareOne => {
            let first = start_session(viewer, &home, 0, &shelf.any).await?;
            client.http.site.began("the stream before", expect_completed(&first)?);
            let second = start_session(viewer, &home, 1, &shelf.any).await?;
            let late = viewer.beat(&first, 1, 1).await?;
            ensure!(late == StatusCode::GONE, "the stream that was displaced goes on: {late}");
            viewer.stop(&second).await?;
            expect_completed(&second)
        }
        ViewerScenario::TakeSmallerPlan => {
            let first = start_session(viewer, &home, 0, &shelf.any).await?;
            client.http.site.began("the stream before", expect_completed(&first)?);
            let second = start_session(viewer, &home, 1, &shelf.any).await?;
            let path = format!("/accounts/{}/plan", home.account);
            let plan = json!({ "plan": "basic" });
            viewer.http.done(Method::PUT, "accounts", &path, &plan).await?;
            viewer.stop(&second).await?;
            viewer.stop(&first).await?;
            expect_completed(&second)
        }
        ViewerScenario::RemoveDevice => {
            let session = start_session(viewer, &home, 0, &shelf.any).await?;
            let path = format!("/accounts/{}/devices/{}", home.account, home.devices[0]);
            viewer.delete("accounts", &path).await?;
            expect_completed(&session)
        }
        ViewerScenario::WatchWithdrawn => {
            let publisher = shelf.publisher.at(client);
            let title = publisher.title("DE", 0).await?;
            let session = start_session(viewer, &home, 0, &title).await?;
            publisher.delete("titles", &format!("/titles/{title}")).await?;
            expect_completed(&session)
        }
        ViewerScenario::CloseAccount => {
            let session = start_session(viewer, &home, 0, &shelf.any).await?;
            viewer.delete("accounts", &format!("/accounts/{}", home.account)).await?;
            expect_completed(&session)
        }
        ViewerScenario::WantForeign => {
            request_in_vain(viewer, &home, &shelf.foreign, "region").await
        }
        ViewerScenario::WantGrim => request_in_vain(viewer, &home, &shelf.grim, "age").await,
        ViewerScenario::WantUnknown => {
            let unknown = client.http.site.new_id().to_string();
            request_in_vain(viewer, &home, &unknown, "unknown_title").await
        }
    }
}

/// Sends these heartbeats, and stops.
async fn watch(
    viewer: StreamingClient<'_>,
    home: &Household,
    shelf: &Shelf,
    heartbeats: &[(u32, u32)],
) -> Result<BegunSaga> {
    let session = start_session(viewer, home, 0, &shelf.any).await?;
    for (number, watched) in heartbeats {
        viewer.beat(&session, *number, *watched).await?;
    }
    viewer.stop(&session).await?;
    expect_completed(&session)
}

/// The third is refused, unless one of the others is over by then.
async fn share_too_often(
    viewer: StreamingClient<'_>,
    home: &Household,
    shelf: &Shelf,
) -> Result<BegunSaga> {
    let mut before = Vec::new();
    for device in 0..2 {
        let session = start_session(viewer, home, device, &shelf.any).await?;
        viewer.http.site.began("the streams before", expect_completed(&session)?);
        before.push(session);
    }
    let third = viewer.request(home, 2, &shelf.any).await?;
    let is_refused = viewer.decided(&third).await?["status"] == "refused";
    if !is_refused {
        let mut live = 0;
        for session in &before {
            let read = viewer.read(session).await?;
            live += usize::from(read["status"] == "playing" && read["ending"].is_null());
        }
        ensure!(live < 2, "three streams play on a plan for two");
    }
    for session in before.iter().chain([&third]) {
        viewer.stop(session).await?;
    }
    if is_refused { expect_refused(&third, "no_slot") } else { expect_completed(&third) }
}

async fn request_in_vain(
    viewer: StreamingClient<'_>,
    home: &Household,
    title: &str,
    reason: &str,
) -> Result<BegunSaga> {
    expect_refused(&viewer.request(home, 0, title).await?, reason)
}

async fn start_session(
    viewer: StreamingClient<'_>,
    home: &Household,
    device: usize,
    title: &str,
) -> Result<String> {
    let session = viewer.request(home, device, title).await?;
    let decided = viewer.decided(&session).await?;
    ensure!(decided["status"] != "refused", "session {session} is refused: {decided}");
    Ok(session)
}

fn expect_completed(session: &str) -> Result<BegunSaga> {
    expect_end(session, End::Completed)
}

fn expect_refused(session: &str, reason: &str) -> Result<BegunSaga> {
    expect_end(session, End::aborted(reason))
}

fn expect_end(session: &str, end: End) -> Result<BegunSaga> {
    Ok(BegunSaga { saga: session.parse().context("a session's id")?, end })
}
