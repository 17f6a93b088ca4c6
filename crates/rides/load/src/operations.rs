//! What a client can do, which service that takes, and what it sees while that is down.

use std::sync::Arc;

use anyhow::Result;
use ballet_trials::{Attempt, Begun, End, Operation, Seen, Site, SiteClient, id};
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::client::Client;

/// Far from all others: nobody drives there.
const LONELY: usize = 119_000;

/// Who asks, and about what.
struct Asked {
    rider: Uuid,
    driver: Uuid,
    here: Value,
    there: Value,
}

pub(crate) async fn operations(site: &Arc<Site>) -> Result<Vec<Operation>> {
    let client = Client::new(site, LONELY);
    let rider = client.rider().await?;
    let ride = client.request(rider).await?;
    let end = End::aborted("no_driver_nearby");
    site.began("the ride that is read", Begun { saga: ride, end });
    client.until(ride, "cancelled", |ride| ride["status"] == "cancelled").await?;
    let driver = client.driver(0).await?;
    client.offline(driver).await?;
    let (here, there) = (client.place(0), client.place(20));
    let near = format!("/near?lat={}&lon={}", here["lat"], here["lon"]);
    let (position, shift) = (here.clone(), json!({ "seats": 4, "at": here }));
    let asked = Arc::new(Asked { rider, driver, here, there });
    let about = json!({ "name": "Ada", "payment_token": "card_approved" });
    let order = {
        let (site, asked) = (Arc::clone(site), Arc::clone(&asked));
        move || order(Arc::clone(&site), Arc::clone(&asked))
    };
    let Asked { rider, driver, .. } = &*asked;
    let (put, post) = (Method::PUT, Method::POST);
    Ok(vec![
        reads(site, "read the rider", "riders", format!("/riders/{rider}")),
        writes(site, "change the rider", "riders", put.clone(), format!("/riders/{rider}"), about),
        reads(site, "see who is near", "location", near),
        Operation::does("ask for a price and request a ride", order).needs("dispatch").followed(),
        reads(site, "read a ride", "dispatch", format!("/rides/{ride}")),
        reads(site, "read a receipt", "dispatch", format!("/rides/{ride}/receipt")),
        writes(site, "go online", "location", post, format!("/drivers/{driver}/online"), shift)
            .once(),
        writes(
            site,
            "send a position",
            "location",
            put,
            format!("/drivers/{driver}/position"),
            position,
        ),
        reads(site, "look for an offer", "dispatch", "/trips?live=true".to_owned()),
    ])
}

fn reads(site: &Arc<Site>, name: &'static str, service: &'static str, path: String) -> Operation {
    writes(site, name, service, Method::GET, path, Value::Null)
}

fn writes(
    site: &Arc<Site>,
    name: &'static str,
    service: &'static str,
    method: Method,
    path: String,
    body: Value,
) -> Operation {
    let site = Arc::clone(site);
    let act = move || {
        let (site, method, path, body) =
            (Arc::clone(&site), method.clone(), path.clone(), body.clone());
        async move { Ok(SiteClient::new(&site, 0).once(method, service, &path, &body).await?.0.into()) }
    };
    Operation::does(name, act).needs(service)
}

/// Requests a ride where nobody drives.
async fn order(site: Arc<Site>, asked: Arc<Asked>) -> Result<Attempt> {
    let Asked { rider, here, there, .. } = &*asked;
    let journey = json!({ "rider_id": rider, "pickup": here, "destination": there });
    let client = SiteClient::new(&site, 0);
    let (seen, quote) = client.once(Method::POST, "dispatch", "/quotes", &journey).await?;
    if seen != Seen::Works {
        return Ok(seen.into());
    }
    let wanted = json!({ "quote_id": quote["quote_id"] });
    let (seen, ride) = client.once(Method::POST, "dispatch", "/rides", &wanted).await?;
    let begun = id(&ride["ride_id"]).ok();
    let begun = begun.map(|saga| Begun { saga, end: End::aborted("no_driver_nearby") });
    Ok(Attempt { seen, begun })
}
