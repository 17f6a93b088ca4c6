ballet::main!(inventory::Inventory);
