//! The service `accounts`.

ballet::main!(accounts::Accounts);
