//! Every key that a job file may have. The walk checks against this list, and so does the schema's test.

/// The tables by their path, each with its keys. A table that is not listed takes any key.
pub(crate) const TABLES: &[(&str, &[&str])] = &[
    (
        "",
        &[
            "include",
            "name",
            "directory",
            "phone_system",
            "fields",
            "rules",
            "numbers",
            "synchronize",
            "leavers",
            "adopt",
            "guard",
            "schedule",
            "notify",
            "handover",
        ],
    ),
    (
        "directory",
        &[
            "name",
            "connector",
            "precedence",
            "full_every",
            "recording",
            "settings",
            "credentials",
            "grants",
            "limits",
            "network",
        ],
    ),
    ("directory.grants", &["http", "ldap", "files", "addresses"]),
    ("directory.network", &["proxy", "ca_file"]),
    (
        "phone_system",
        &[
            "kind",
            "path",
            "address",
            "port",
            "username",
            "credentials",
            "certificate_sha256",
            "ca_file",
            "templates",
            "settle",
            "timeout",
            "at_once",
        ],
    ),
    ("phone_system.credentials", &["password"]),
    (
        "fields",
        &[
            "user_identification",
            "name",
            "full_name",
            "email",
            "extension",
            "mobile_twinning_number",
            "group_membership",
            "login_code",
            "voicemail_code",
            "user_provisioning_rule",
            "system",
        ],
    ),
    ("rules", &["files", "when_no_rule", "number_precedence"]),
    ("numbers", &["reserved", "twinning_countries"]),
    ("synchronize", &["new", "update", "delete"]),
    ("leavers", &["grace", "quarantine", "disabled", "disabled_when", "protect"]),
    ("adopt", &["by", "keep", "unattended"]),
    ("schedule", &["cron", "timezone", "start", "jitter"]),
    ("notify", &["on", "command", "webhook"]),
    ("handover", &["file", "command"]),
    ("guard", &["max_delete", "max_create", "max_update", "max_clear", "min_directory", "window"]),
];

/// The keys of a field that is written as a table.
pub(crate) const FIELD: &[&str] = &["value", "on_update", "when_empty", "random"];

/// The keys of a credential reference.
pub(crate) const CREDENTIAL: &[&str] = &["env", "file", "command", "systemd", "keyring", "expires"];

/// Gives the keys of a table.
pub(crate) fn of(path: &str) -> &'static [&'static str] {
    TABLES.iter().find(|(table, _)| *table == path).map_or(&[], |(_, keys)| keys)
}

/// Gives the nearest of some words, where one is near.
pub(crate) fn nearest<'a>(wrong: &str, words: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wrong = wrong.to_lowercase();
    words
        .into_iter()
        .map(|word| (strsim::damerau_levenshtein(&wrong, word), word))
        .filter(|(distance, word)| *distance <= 1 + word.chars().count() / 4)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, word)| word)
}
