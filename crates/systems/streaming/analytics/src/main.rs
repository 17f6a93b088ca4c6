ballet::main!(analytics::Analytics);
