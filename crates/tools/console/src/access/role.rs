//! A person's permissions.

/// A person's permissions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Sees everything but bodies whose personal fields are unknown.
    Viewer,
    /// Sees everything and may act. Personal fields are masked as well.
    Operator,
}

/// What a person sees of bodies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BodySight {
    pub(crate) role: Role,
    /// The person gave a reason, which is in the trail.
    pub(crate) is_unmasked: bool,
}

impl BodySight {
    pub(crate) const fn masked(role: Role) -> Self {
        Self { role, is_unmasked: false }
    }
}

impl Role {
    /// Returns the role as it is written.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Operator => "operator",
        }
    }

    /// Reads a role.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Viewer, Self::Operator].into_iter().find(|role| role.as_str() == text)
    }
}
