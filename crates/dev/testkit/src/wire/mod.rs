//! The broker's wire, for the framework's own tests: a publisher and a consumer alone, and bytes that no proper
//! client sends.

pub mod clients;
pub mod raw_amqp;
