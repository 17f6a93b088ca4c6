//! The steps of shipping in the saga `order_fulfillment`.

mod deliver_shipment;
mod dispatch_shipment;
mod schedule_shipment;

pub use deliver_shipment::DeliverShipment;
pub use dispatch_shipment::DispatchShipment;
pub use schedule_shipment::ScheduleShipment;
