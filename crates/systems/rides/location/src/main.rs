//! The service `location`.

use location::Location;
use location::config::LocationSettings;

ballet::main!(LocationSettings, |own, _| Location::new(own).service());
