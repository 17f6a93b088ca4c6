//! The service `analytics`.

ballet::main!(analytics::Analytics);
