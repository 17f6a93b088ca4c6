//! The service `recommendations`.

ballet::main!(recommendations::Recommendations);
