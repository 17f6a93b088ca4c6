//! The kinds of servers: external ones, and our own.

use crate::servers::docker::Containers;

/// A server that the environment names, or one of our own.
#[derive(Debug)]
pub(crate) enum Backend<Node> {
    External,
    Local(Node),
    Containers(Containers),
}

impl<Node> Backend<Node> {
    pub(crate) fn local(&self) -> Option<&Node> {
        match self {
            Self::Local(node) => Some(node),
            Self::External | Self::Containers(_) => None,
        }
    }
}
