//! The service `riders`.

use riders::Riders;

ballet::main!(Riders);
