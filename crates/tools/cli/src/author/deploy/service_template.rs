//! The template of a service's manifests, and the variables that it sets.

pub(super) const SERVICE: &str = include_str!("../../../templates/kubernetes/service.yaml");
/// Where the settings of one service follow those of all.
pub(super) const OWN_SETTINGS: &str = "BALLET_OWN_SETTINGS\n";

/// Whether the manifests of each service set a variable: it, or its other form, such as `AMQP_URL_FILE`.
pub(super) fn sets(variable: &str) -> bool {
    let all =
        SERVICE.split_once(OWN_SETTINGS).and_then(|(before, _)| before.rsplit_once(" env:\n"));
    let name = |line: &'static str| {
        let entry = line.trim_start().strip_prefix("- ")?;
        entry.trim_start_matches('{').strip_prefix("name: ")?.split(',').next()
    };
    let form = |name: &'static str| name.strip_suffix("_FILE").unwrap_or(name);
    let wanted = variable.strip_suffix("_FILE").unwrap_or(variable);
    all.is_some_and(|(_, all)| all.lines().filter_map(name).map(form).any(|name| name == wanted))
}
