//! What `check` can say without a network.

use rollcall_connectors::Package;
use rollcall_core::{Diagnostic, Place, Secret};
use rollcall_edges::directory::Directory;
use serde_json::json;

use crate::bench::{guest, host, hostile, job, misbehaving};

fn told(wrong: &[Diagnostic]) -> Vec<String> {
    wrong
        .iter()
        .map(|one| {
            let place = match &one.place {
                Place::Path(keys) => keys.iter().map(|key| &**key).collect::<Vec<_>>().join("."),
                other => format!("{other:?}"),
            };
            format!("{} {place}: {} ({})", one.code.0, one.message, one.hint.clone().unwrap_or_default())
        })
        .collect()
}

#[tokio::test]
async fn attributes_are_known_or_not() {
    let host = host();
    let attributes = host.check_offline(&hostile(), &misbehaving("well")).await.unwrap();
    assert_eq!(attributes.unwrap().known.len(), 1);
    let attributes = host.check_offline(&hostile(), &misbehaving("attributes-http")).await.unwrap();
    assert!(attributes.is_none(), "they need the network");
}

#[tokio::test]
async fn the_connectors_own_rules_have_places() {
    let wrong = host().check_offline(&hostile(), &misbehaving("invalid")).await.unwrap_err();
    assert_eq!(
        told(&wrong),
        [
            "E0302 directory.settings.mode: cannot be `invalid` (use another)",
            "E0302 directory.settings: all wrong ()",
        ]
    );
}

#[tokio::test]
async fn all_mistakes_of_a_job_at_once() {
    let mut spec = job(json!({ "mod": "x", "url": 7, "path": "none.csv", "client_secret": "x" }));
    spec.limits.insert("memory".into(), 1);
    spec.credentials.insert("client_secrt".into(), Some(Secret::new("x")));
    let wrong = host().check_offline(&hostile(), &spec).await.unwrap_err();
    let told = told(&wrong);
    assert_eq!(
        told,
        [
            "E0102 directory.limits.memory: there is no limit `memory` (there are `bytes_mib`, `call_wall_seconds`, \
             `cpu_seconds`, `cpu_seconds_per_call`, `log_lines`, `memory_mib`, `pages`, `requests`, `response_mib`, \
             `users` and `wall_seconds`)",
            "E0302 directory.credentials.client_secrt: the connector `hostile` takes no credential `client_secrt` \
             (did you mean `client_secret`?)",
            "E0302 directory.settings.mod: the connector `hostile` has no setting `mod` (did you mean `mode`?)",
            "E0302 directory.settings.url: `url` must be text ()",
            "E0106 directory.settings.client_secret: the credential `client_secret` stands under \
             `[directory.settings]` (write `client_secret = { env = \"HOSTILE_CLIENT_SECRET\" }` under \
             `[directory.credentials]`)",
        ]
    );
}

#[tokio::test]
async fn a_missing_file_is_underlined() {
    let mut spec = misbehaving("well");
    spec.settings.insert("path".into(), json!("none.csv"));
    let wrong = host().check_offline(&hostile(), &spec).await.unwrap_err();
    let expect = "E0304 directory.settings.path: there is no file `none.csv` (it was looked for at \
                  `/nowhere/none.csv`; a path counts from the job file's folder)";
    assert_eq!(told(&wrong), [expect]);
}

#[tokio::test]
async fn a_partner_is_granted_nothing_by_itself() {
    let mut spec = misbehaving("well");
    spec.bundled = false;
    let wrong = host().check_offline(&hostile(), &spec).await.unwrap_err();
    assert!(
        told(&wrong)[0].contains("asks for `http://127.0.0.1:9`, which the job does not grant"),
        "{wrong:?}"
    );
    spec.grant_http.push("http://127.0.0.1:9".into());
    host().check_offline(&hostile(), &spec).await.unwrap();
}

#[tokio::test]
async fn the_entra_connector_without_a_network() {
    let host = host();
    let package = Package::read(guest("rollcall-connector-entra")).unwrap();
    let mut spec = job(json!({ "tenant_id": "11111111-2222-3333-4444-555555555555", "client_id": "app" }));
    spec.credentials.insert("client_secret".into(), None);
    spec.select = vec!["displayName".into(), "onPremisesExtensionAttributes.extensionAttribute1".into()];
    let attributes = host.check_offline(&package, &spec).await.unwrap().unwrap();
    assert!(attributes.known.iter().any(|info| &*info.name == "businessPhones" && info.many));
    let error = host.connect(&package, &spec).await.err().unwrap();
    assert!(format!("{error:?}").contains("the credential `client_secret` gives nothing"), "{error:?}");
    spec.credentials.insert("client_secret".into(), Some(Secret::new("canary-secret-0123456789")));
    let mut connector = host.connect(&package, &spec).await.unwrap();
    assert_eq!(&*connector.identity().await.unwrap(), "11111111-2222-3333-4444-555555555555");
    // The settings' own rules: a group needs its id.
    spec.settings.insert("scope".into(), json!("group"));
    let wrong = host.check_offline(&package, &spec).await.unwrap_err();
    assert!(told(&wrong)[0].contains("directory.settings.group_id"), "{wrong:?}");
}
