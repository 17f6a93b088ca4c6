//! What viewers do in an explored schedule.

use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Result, ensure};
use ballet_trials::{Move, Site};
use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::load::client::StreamingClient;
use crate::load::viewers::Shelf;

/// Two devices of one account play a title, on plans for more, for two and for one. What ends sessions may come in between.
pub(crate) async fn moves<'a>(
    site: &'a Site,
    number: usize,
    shelf: &'a Shelf,
) -> Result<Vec<Move<'a>>> {
    let client = StreamingClient::new(site, 0);
    let home = Arc::new(client.home(["family", "duo", "basic"][number % 3], 2).await?);
    let title = Arc::new(shelf.publisher.at(client).title("DE", 0).await?);
    let mut moves = Vec::new();
    let mut last = Vec::new();
    for (device, starts, beats, stops) in [
        (0, "starts a session", "watches", "stops"),
        (1, "starts another session", "watches the other", "stops the other"),
    ] {
        let session = Arc::new(Mutex::new(None::<String>));
        let read = |session: &Mutex<Option<String>>| {
            session.lock().unwrap_or_else(PoisonError::into_inner).clone()
        };
        let (started, home, title) = (Arc::clone(&session), Arc::clone(&home), Arc::clone(&title));
        moves.push(Move::new(starts, move || {
            let (started, home, title) =
                (Arc::clone(&started), Arc::clone(&home), Arc::clone(&title));
            async move {
                let id = client.request(&home, device, &title).await?;
                *started.lock().unwrap_or_else(PoisonError::into_inner) = Some(id);
                anyhow::Ok(true)
            }
        }));
        let played = Arc::clone(&session);
        let beat = Move::new(beats, move || {
            let session = read(&played);
            async move {
                let Some(session) = session else { return Ok(false) };
                let answer = client.beat(&session, 1, 1).await?;
                let is_told = answer.is_success()
                    || matches!(answer, StatusCode::GONE | StatusCode::CONFLICT);
                ensure!(is_told, "a heartbeat is answered with {answer}");
                anyhow::Ok(true)
            }
        });
        moves.push(beat.optional());
        last.push(Move::new(stops, move || {
            let session = read(&session);
            async move {
                let Some(session) = session else { return Ok(false) };
                // Nothing of it is there any more if the account is closed.
                let path = format!("/sessions/{session}/stop");
                let (status, answer) =
                    client.http.ask(Method::POST, "playback", &path, &json!({})).await?;
                ensure!(!status.is_server_error(), "{path} answered {status}: {answer}");
                anyhow::Ok(true)
            }
        }));
    }
    let (service, name, path) = match number / 3 % 3 {
        0 => ("titles", "withdraws the title", format!("/titles/{title}")),
        1 => ("accounts", "closes the account", format!("/accounts/{}", home.account)),
        _ => {
            let (account, device) = (&home.account, &home.devices[0]);
            ("accounts", "removes a device", format!("/accounts/{account}/devices/{device}"))
        }
    };
    let ends = Move::new(name, move || {
        let path = path.clone();
        async move { client.delete(service, &path).await.map(|()| true) }
    });
    moves.push(ends.optional());
    moves.extend(last);
    Ok(moves)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use ballet_trials::schedules;

    use crate::load::trial::Streaming;

    #[tokio::test]
    async fn no_schedule_breaks_a_rule_of_streaming() {
        let time = Duration::from_secs(120);
        let all = schedules(Streaming::default(), 1, 60, time).await;
        let all = all.unwrap_or_else(|failed| panic!("{failed}"));
        eprintln!("{} schedules in {:.1} s", all.schedules, all.took.as_secs_f64());
        assert!(all.actions > 10, "{all:?}");
    }
}
