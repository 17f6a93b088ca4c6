ballet::main!(accounts::Accounts);
