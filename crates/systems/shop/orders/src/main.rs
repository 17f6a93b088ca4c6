use std::convert::Infallible;

use orders::Orders;
use orders::config::OrderSettings;

ballet::main!(OrderSettings, |own, _| Ok::<_, Infallible>(Orders(own).service()));
