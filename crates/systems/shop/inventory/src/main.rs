//! The service `inventory`.

ballet::main!(inventory::Inventory);
