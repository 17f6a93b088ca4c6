use std::convert::Infallible;

use cart::Carts;
use cart::config::CartSettings;

ballet::main!(CartSettings, |own, _| Ok::<_, Infallible>(Carts(own).service()));
