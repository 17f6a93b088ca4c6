//! A service's contract as a file: what it declares, and its events with their JSON schemas. A
//! service in any language has one; the command, the checks and the broker's definitions need
//! nothing else.

mod contract_events;
mod error;
mod exception_lines;
mod lines;
mod service_contract;
mod telemetry_lines;

pub use error::ContractError;
pub use service_contract::{ServiceContract, schema_text, system};
