//! The service `payments`.

use payments::Payments;
use payments::config::PaymentSettings;

ballet::main!(PaymentSettings, |own, all| Payments::of(&own, all).map(Payments::service));
