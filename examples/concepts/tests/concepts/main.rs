//! Each example on a real broker and real databases: publish a message or make a request, and see the events, the
//! rows and the answers. The modules have the names of the examples.

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
mod participant;
mod query;
mod refuse;
mod repeat;
mod settings;
mod share;
mod telemetry;
mod two_versions;
mod upcast;
mod watch;
