//! Shipping: sends parcels with a carrier. A parcel is booked before the money is captured, and handed over when the
//! order is confirmed.

#![warn(missing_docs)]

pub mod carrier;
pub mod config;
mod http;
pub mod remote;
pub mod sandbox;
mod state;
pub mod steps;
mod store;

use std::sync::Arc;

use ballet::openapi::Document;
use ballet::{Does, Tx, done};
use common::outside::{WebhookState, Webhooks, WrongSetting};
use shop_events::OrderFulfillment;
use shop_events::orders::OrderConfirmed;
use shop_events::shipping::ShipmentDispatched;

use crate::carrier::Carrier;
use crate::config::CarrierSettings;
use crate::steps::{DeliverShipment, ScheduleShipment};
use crate::store::shipment;

pub use crate::state::ShipmentState;

/// The shop's shipping.
#[derive(Debug)]
pub struct Shipping {
    /// Who takes the parcels.
    pub carrier: Arc<dyn Carrier>,
    /// The check of the carrier's webhooks.
    pub webhooks: Webhooks,
}

#[ballet::service(
    "shipping",
    saga = OrderFulfillment,
    migrations = "../../../../migrations/shipping",
    routes = move |handle| {
        http::api().router(WebhookState { handle, webhooks: self.webhooks.clone() })
    }
)]
impl Shipping {
    /// Shipping with this carrier, without webhooks.
    pub fn new(carrier: impl Carrier) -> Self {
        let webhooks = Webhooks::signed_with(None, "CARRIER_WEBHOOK_SECRETS");
        Self { carrier: Arc::new(carrier), webhooks }
    }

    /// Shipping as these settings say.
    ///
    /// # Errors
    ///
    /// Returns an error if a setting is missing or cannot be used.
    pub fn of(own: &CarrierSettings) -> Result<Self, WrongSetting> {
        Ok(Self { carrier: own.carrier()?, webhooks: own.webhooks()? })
    }

    #[compensatable]
    fn schedule_shipment(&self) -> ScheduleShipment {
        ScheduleShipment(Arc::clone(&self.carrier))
    }

    /// Hands the parcel over to the carrier.
    #[retriable]
    async fn dispatch_shipment(tx: &mut Tx<'_>, order: OrderConfirmed) -> Does<ShipmentDispatched> {
        let (order_id, now) = (order.order_id, tx.now());
        let tracking = shipment::of_order(tx.db(), order_id).await?.tracking;
        let shipment_id =
            shipment::advance(tx.db(), order_id, ShipmentState::Dispatched, now).await?;
        done(ShipmentDispatched { order_id, shipment_id, tracking })
    }

    #[retriable]
    fn deliver_shipment(&self) -> DeliverShipment {
        DeliverShipment(Arc::clone(&self.carrier))
    }
}

/// Returns the OpenAPI document of the HTTP routes.
#[must_use]
pub fn openapi() -> Document {
    http::api().document()
}
