//! The service `titles`.

ballet::main!(titles::Titles);
