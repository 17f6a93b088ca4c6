use std::convert::Infallible;

use location::Location;
use location::config::LocationSettings;

ballet::main!(LocationSettings, |own, _| Ok::<_, Infallible>(Location::new(own).service()));
