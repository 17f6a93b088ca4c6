ballet::main!(titles::Titles);
