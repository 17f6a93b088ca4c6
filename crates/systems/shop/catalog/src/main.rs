//! The service `catalog`.

ballet::main!(catalog::Catalog);
