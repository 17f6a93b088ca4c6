ballet::main!(recommendations::Recommendations);
