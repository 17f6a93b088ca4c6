//! The steps of different sessions do not disturb each other.

mod accounts {
    ballet_testkit::commutes!(accounts::Accounts::service());
}

mod analytics {
    ballet_testkit::commutes!(analytics::Analytics::service());
}

mod playback {
    ballet_testkit::commutes!(playback::Playback { settings: crate::world::PATIENT }.service());
}

mod titles {
    ballet_testkit::commutes!(
        titles::Titles::service(),
        accepted("revoke_licenses", "end_license") = "a license ends once, and the first end stays",
        accepted("end_license", "revoke_licenses") = "a license ends once, and the first end stays",
    );
}
