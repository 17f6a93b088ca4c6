ballet::main!(catalog::Catalog);
