//! Each example on real servers: publish a message or make a request, and see the events, the rows and the answers.

mod answers;
mod begin_a_saga;
mod bulk_step;
mod call_outside;
mod cinema;
mod compensate;
mod copy;
mod deadline;
mod failures;
mod local_step;
mod query;
mod refuse;
mod repeat;
mod settings;
mod share;
mod telemetry;
mod two_versions;
mod upcast;
mod watch;
