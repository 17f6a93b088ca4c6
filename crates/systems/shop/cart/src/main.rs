//! The service `cart`.

use cart::Carts;
use cart::config::CartSettings;

ballet::main!(CartSettings, |own, _| Carts(own).service());
