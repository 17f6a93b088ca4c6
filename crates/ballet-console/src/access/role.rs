//! What a person may do, and sees.

/// What a person may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Sees everything but bodies whose personal fields cannot be told from the others.
    Viewer,
    /// Sees everything. Personal fields are masked for operators, too.
    Operator,
}

/// What a person sees of bodies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BodySight {
    pub(crate) role: Role,
    /// Personal fields are shown: the person has said why, and it is in the trail.
    pub(crate) is_unmasked: bool,
}

impl BodySight {
    /// Personal fields are masked.
    pub(crate) const fn masked(role: Role) -> Self {
        Self { role, is_unmasked: false }
    }
}

impl Role {
    /// As it is written.
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
