//! The template of a service's manifests.

pub(super) const SERVICE: &str = include_str!("../../../templates/kubernetes/service.yaml");
/// Where the settings of one service follow those of all.
pub(super) const OWN_SETTINGS: &str = "BALLET_OWN_SETTINGS\n";
