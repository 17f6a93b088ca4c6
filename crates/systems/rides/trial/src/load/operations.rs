//! The operations of a client, and the service that each needs.

use std::sync::Arc;

use anyhow::Result;
use ballet_trials::{Attempt, BegunSaga, ClientAnswer, End, Operation, Site, SiteClient, id};
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::load::client::{BEHIND, RidesClient};

/// A place far from all others, where nobody drives.
const LONELY: usize = 119_000;
/// The place of the driver who tries the operations. Nobody wants a ride there.
const IDLE: usize = LONELY + 1;

#[derive(Debug)]
struct Visitor {
    site: Arc<Site>,
    token: Option<String>,
    rider: Uuid,
    here: Value,
    there: Value,
}

pub(crate) async fn operations(site: &Arc<Site>) -> Result<Vec<Operation>> {
    let token = site.token(&site.new_id().to_string(), BEHIND).await?;
    let client = RidesClient::new(site, LONELY).with(token.as_deref());
    let rider = client.rider().await?;
    let ride = client.request(rider).await?;
    let end = End::aborted("no_driver_nearby");
    site.began("the ride that is read", BegunSaga { saga: ride, end });
    client.until(ride, "cancelled", |ride| ride["status"] == "cancelled").await?;
    let idle = RidesClient::new(site, IDLE).with(token.as_deref());
    let driver = idle.driver(0).await?;
    idle.offline(driver).await?;
    let (here, there) = (client.place(0), client.place(20));
    let near = format!("/near?lat={}&lon={}", here["lat"], here["lon"]);
    let (position, shift) = (idle.place(0), json!({ "seats": 4, "at": idle.place(0) }));
    let about = json!({ "name": "Ada", "payment_token": "card_approved" });
    let visitor = Arc::new(Visitor { site: Arc::clone(site), token, rider, here, there });
    let writes = |name, service, method: Method, path: String, body: Value| {
        let visitor = Arc::clone(&visitor);
        let act =
            move || Arc::clone(&visitor).asks(service, method.clone(), path.clone(), body.clone());
        Operation::does(name, act).needs(service)
    };
    let reads = |name, service, path| writes(name, service, Method::GET, path, Value::Null);
    let orders = {
        let visitor = Arc::clone(&visitor);
        move || Arc::clone(&visitor).orders()
    };
    let (put, post) = (Method::PUT, Method::POST);
    Ok(vec![
        reads("read the rider", "riders", format!("/riders/{rider}")),
        writes("change the rider", "riders", put.clone(), format!("/riders/{rider}"), about),
        reads("see who is near", "location", near),
        Operation::does("ask for a price and request a ride", orders).needs("dispatch").followed(),
        reads("read a ride", "dispatch", format!("/rides/{ride}")),
        reads("read a receipt", "dispatch", format!("/rides/{ride}/receipt")),
        writes("go online", "location", post, format!("/drivers/{driver}/online"), shift).once(),
        writes("send a position", "location", put, format!("/drivers/{driver}/position"), position),
        reads("look for an offer", "dispatch", "/trips?live=true".to_owned()),
    ])
}

impl Visitor {
    fn client(&self) -> SiteClient<'_> {
        SiteClient::new(&self.site, 0).with(self.token.as_deref())
    }

    async fn asks(
        self: Arc<Self>,
        service: &'static str,
        method: Method,
        path: String,
        body: Value,
    ) -> Result<Attempt> {
        Ok(self.client().once(method, service, &path, &body).await.0.into())
    }

    async fn orders(self: Arc<Self>) -> Result<Attempt> {
        let Self { rider, here, there, .. } = &*self;
        let journey = json!({ "rider_id": rider, "pickup": here, "destination": there });
        let client = self.client();
        let (seen, quote) = client.once(Method::POST, "dispatch", "/quotes", &journey).await;
        if seen != ClientAnswer::Works {
            return Ok(seen.into());
        }
        let wanted = json!({ "quote_id": quote["quote_id"] });
        let (seen, ride) = client.once(Method::POST, "dispatch", "/rides", &wanted).await;
        let begun = id(&ride["ride_id"]).ok();
        let begun = begun.map(|saga| BegunSaga { saga, end: End::aborted("no_driver_nearby") });
        Ok(Attempt { seen, begun })
    }
}
