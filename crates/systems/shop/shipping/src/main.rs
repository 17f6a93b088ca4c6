//! The service `shipping`.

use shipping::Shipping;
use shipping::config::CarrierSettings;

ballet::main!(CarrierSettings, |own, _| Shipping::of(&own).map(Shipping::service));
