//! The service `orders`.

use orders::Orders;
use orders::config::OrderSettings;

ballet::main!(OrderSettings, |own, _| Orders(own).service());
