//! The steps of shipping in the saga `order_fulfillment`.

mod deliver_shipment;
mod schedule_shipment;

pub use deliver_shipment::DeliverShipment;
pub use schedule_shipment::ScheduleShipment;
