//! Without the feature `prometheus`, metrics go to the recorder that the program installs, if any.

pub(crate) fn install() {}

pub(crate) fn rendered() -> String {
    "# this program is built without ballet's feature `prometheus`\n".to_owned()
}

pub(super) fn run_upkeep() {}
