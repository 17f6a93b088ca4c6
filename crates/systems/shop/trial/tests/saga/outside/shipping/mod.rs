mod parcels;
mod test_shipping;
