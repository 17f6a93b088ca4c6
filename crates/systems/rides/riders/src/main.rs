use riders::Riders;

ballet::main!(Riders);
