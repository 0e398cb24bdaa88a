//! Settings and credentials against the manifest of the Entra connector.

use std::path::Path;

use rollcall_connectors::{Manifest, Settings, check_credentials};
use rollcall_core::Diagnostic;
use serde_json::{Map, Value, json};

fn entra() -> Manifest {
    Manifest::parse(include_bytes!("../../../../plugins/entra/connector.toml")).unwrap()
}

fn with(more: Value) -> Map<String, Value> {
    let mut settings = Map::new();
    settings.insert("tenant_id".into(), "contoso".into());
    settings.insert("client_id".into(), "app".into());
    settings.extend(more.as_object().unwrap().clone());
    settings.into_iter().filter(|(_, value)| !value.is_null()).collect()
}

fn told(wrong: Vec<Diagnostic>) -> Vec<String> {
    wrong
        .into_iter()
        .map(|one| format!("{} {} [{}]", one.code.0, one.message, one.hint.unwrap_or_default()))
        .collect()
}

fn check(more: Value, expect: &[&str]) {
    match Settings::check(&entra(), &with(more), Path::new("/job")) {
        Ok(settings) => assert!(expect.is_empty(), "{expect:?} instead of {settings:?}"),
        Err(wrong) => assert_eq!(told(wrong), expect),
    }
}

#[test]
fn mistakes_in_settings() {
    check(json!({}), &[]);
    check(
        json!({ "tenantid": "x" }),
        &["E0302 the connector `entra` has no setting `tenantid` [did you mean `tenant_id`?]"],
    );
    let about = "The directory (tenant) ID of the app registration, or one of the tenant's domain names.";
    check(
        json!({ "tenant_id": null }),
        &[&format!(
            "E0302 the setting `tenant_id` is missing [write `tenant_id` under `[directory.settings]`: {about}]"
        )],
    );
    check(json!({ "tenant_id": 5 }), &["E0302 `tenant_id` must be text []"]);
    check(json!({ "tenant_id": "" }), &["E0302 `tenant_id` must not be empty []"]);
    check(json!({ "transitive": "yes" }), &["E0302 `transitive` must be `true` or `false` []"]);
    check(json!({ "group_id": ["a", 1] }), &["E0302 `group_id` must be a text or a list of texts []"]);
    check(
        json!({ "scope": "groups" }),
        &["E0302 `scope` cannot be `groups`: it is one of `tenant` and `group` [did you mean `group`?]"],
    );
    check(json!({ "select": ["mail"] }), &["E0302 `select` is filled in by the program [remove it]"]);
}

#[test]
fn credentials_under_settings() {
    let hint = "write `client_secret = { env = \"ENTRA_CLIENT_SECRET\" }` under `[directory.credentials]`";
    for name in ["client_secret", "secret", "clientSecret", "password", "token"] {
        let wrong = Settings::check(&entra(), &with(json!({ name: "x" })), Path::new("/job")).unwrap_err();
        assert_eq!(wrong[0].code.0, "E0106", "{name}: {wrong:?}");
        assert!(!wrong[0].message.contains("`x`"), "the value is never shown");
        if name.contains("ecret") {
            assert_eq!(wrong[0].hint.as_deref(), Some(hint), "{name}");
        }
    }
}

#[test]
fn urls_in_settings() {
    check(json!({ "graph_url": "https://graph.example/", "login_url": "https://login.example" }), &[]);
    check(json!({ "graph_url": "http://127.0.0.1:8080", "login_url": "http://[::1]:80" }), &[]);
    check(json!({ "graph_url": "http://localhost:8080" }), &[]);
    check(
        json!({ "graph_url": "http://graph.example" }),
        &[
            "E0302 `graph_url` is plain `http://` to another machine [write `https://`, or `allow_insecure = true`]",
        ],
    );
    check(json!({ "graph_url": "http://graph.example", "allow_insecure": true }), &[]);
    check(
        json!({ "graph_url": "graph.example" }),
        &["E0302 `graph_url` is no URL [write `https://host` or `https://host:port/path`]"],
    );
    check(
        json!({ "graph_url": "ldap://graph.example" }),
        &[
            "E0302 `graph_url` must begin with `https://`, not `ldap:` [write `https://host` or `https://host:port/path`]",
        ],
    );
    check(
        json!({ "graph_url": "https://graph.example/?a=b" }),
        &["E0302 `graph_url` must not have a `?` or `#` [write what stands before it]"],
    );
    let wrong = Settings::check(
        &entra(),
        &with(json!({ "graph_url": "https://me:pw@x.example" })),
        Path::new("/job"),
    );
    let wrong = wrong.unwrap_err();
    assert_eq!(wrong[0].code.0, "E0106");
    assert!(!format!("{wrong:?}").contains("pw@"), "{wrong:?}");
}

#[test]
fn presets_and_defaults_are_filled_in() {
    let filled = |more: Value| Settings::check(&entra(), &with(more), Path::new("/job")).unwrap();
    let global = filled(json!({}));
    assert_eq!(global.values()["graph_url"], "https://graph.microsoft.com");
    assert_eq!(global.values()["scope"], "tenant");
    assert_eq!(global.values()["transitive"], false);
    assert!(!global.values().contains_key("filter"));
    let china = filled(json!({ "cloud": "china", "login_url": "https://login.example", "group_id": "g" }));
    assert_eq!(china.values()["graph_url"], "https://microsoftgraph.chinacloudapi.cn");
    assert_eq!(china.values()["login_url"], "https://login.example");
    assert_eq!(china.values()["group_id"], json!(["g"]), "a lone text is a list of one");
}

#[test]
fn credentials_come_in_sets() {
    let check = |given: &[&str], expect: &[&str]| {
        let got = check_credentials(&entra(), given.iter().copied()).err().map(told).unwrap_or_default();
        assert_eq!(got, expect, "{given:?}");
    };
    let hint = "[write `client_secret = { env = \"ENTRA_CLIENT_SECRET\" }` under `[directory.credentials]`]";
    check(&["client_secret"], &[]);
    check(&["certificate", "private_key"], &[]);
    check(&[], &[&format!("E0110 the credential `client_secret` is missing {hint}")]);
    check(
        &["certificate"],
        &[
            "E0110 the credential `private_key` is missing [write `private_key = { env = \"ENTRA_PRIVATE_KEY\" }` \
           under `[directory.credentials]`]",
        ],
    );
    check(
        &["client_secret", "certificate"],
        &[
            "E0302 several ways to sign in are given, and one is needed: `client_secret`, or `certificate` and \
           `private_key` []",
        ],
    );
    check(
        &["client_secre"],
        &["E0302 the connector `entra` takes no credential `client_secre` [did you mean `client_secret`?]"],
    );
}
