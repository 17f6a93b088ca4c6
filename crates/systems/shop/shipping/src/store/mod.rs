pub(crate) mod shipment;
