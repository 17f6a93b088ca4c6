//! The headers in which a gateway tells a service who has signed in. No client can send them.

/// The person or program that the credentials stand for.
pub const SUBJECT: &str = "x-ballet-subject";
/// What the client may do. It comes with each request, and is empty if nobody signed in.
pub const SCOPES: &str = "x-ballet-scopes";
