//! Sign-in against a token endpoint on loopback that looks at what it is sent.

use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256, UnparsedPublicKey};
use rollcall_edges::clock::Instant;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use serde_json::{Value, json};
use sha2::Digest as _;
use url::Url;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::*;
use crate::credential::Credential;
use crate::http::{Online, Options};
use crate::oauth::{Algorithm, Flow, Proof};
use crate::retry::{Retrying, Schedule};
use crate::testing::{NoPause, Said, Seen, Server};

const CERTIFICATE: &str = include_str!("../testdata/client.pem");
const SECRET: &str = "the~client/secret+value";

/// A clock that is moved by hand.
#[derive(Default)]
struct Hands(AtomicI64);

impl Clock for Hands {
    fn now(&self) -> Instant {
        Instant(1_700_000_000_000 + self.0.load(Ordering::Relaxed))
    }
}

fn granted(number: usize) -> Said {
    let token = json!({ "access_token": format!("token-number-{number}"), "token_type": "Bearer", "expires_in": 3599 });
    (200, vec![("content-type", "application/json".to_owned())], token.to_string().into_bytes())
}

fn secret() -> Proof {
    Proof::Secret(Secret::new(SECRET))
}

fn certificate(key: &str, algorithm: Algorithm) -> Proof {
    let certificate = Credential::new("certificate", Secret::new(CERTIFICATE));
    let private_key = Credential::new("private_key", Secret::new(key));
    Proof::Certificate { certificate, private_key, algorithm }
}

struct Stage {
    tokens: Server,
    data: Server,
    wire: SignedIn<Arc<dyn Wire>>,
    clock: Arc<Hands>,
}

/// A way to sign in at `token_url`, as Entra's client.
fn client(proof: Proof, token_url: Url) -> Way {
    let flow = Flow::ClientCredentials { client_id: "client-1".to_owned(), proof };
    Way::OAuth(OAuth { token_url, scope: "https://graph.example/.default".to_owned(), flow })
}

async fn try_stage(
    proof: Proof,
    tokens: impl Fn(usize, &Seen) -> Said + Send + Sync + 'static,
    data: impl Fn(usize, &Seen) -> Said + Send + Sync + 'static,
) -> Result<Stage, NetError> {
    way_stage(|token_url| client(proof, token_url), tokens, data).await
}

async fn way_stage(
    way: impl FnOnce(Url) -> Way,
    tokens: impl Fn(usize, &Seen) -> Said + Send + Sync + 'static,
    data: impl Fn(usize, &Seen) -> Said + Send + Sync + 'static,
) -> Result<Stage, NetError> {
    let (tokens, data) = (Server::start(None, tokens).await, Server::start(None, data).await);
    let clock = Arc::new(Hands::default());
    let online = Online::new(Options::default()).unwrap();
    let retrying =
        Retrying::new(online, Schedule::default(), Arc::clone(&clock) as _, Arc::new(NoPause::default()));
    let network: Arc<dyn Wire> = Arc::new(retrying);
    let way = way(tokens.url("/tenant/oauth2/v2.0/token"));
    let login = Login { origins: vec![Origin::of(&data.url("/")).unwrap()], way };
    let logins = Logins::new(
        BTreeMap::from([("graph".to_owned(), login)]),
        Arc::clone(&network),
        Arc::clone(&clock) as _,
    )?;
    Ok(Stage { tokens, data, wire: SignedIn::new(network, Arc::new(logins)), clock })
}

async fn stage(
    tokens: impl Fn(usize, &Seen) -> Said + Send + Sync + 'static,
    data: impl Fn(usize, &Seen) -> Said + Send + Sync + 'static,
) -> Stage {
    try_stage(secret(), tokens, data).await.unwrap()
}

fn fine() -> Said {
    (200, Vec::new(), b"fine".to_vec())
}

impl Stage {
    async fn get(&self) -> Result<Vec<u8>, NetError> {
        let request = Request::get(self.data.url("/users")).login("graph").header("Authorization", "forged");
        self.wire.send(request).await?.read_all(1000).await
    }

    fn bearers(&self) -> Vec<String> {
        self.data.log().iter().map(|seen| seen.header("authorization").unwrap_or("-").to_owned()).collect()
    }
}

fn form(seen: &Seen) -> BTreeMap<String, String> {
    url::form_urlencoded::parse(seen.body.as_bytes()).into_owned().collect()
}

#[tokio::test]
async fn a_token_is_asked_for_once_and_renewed_in_time() {
    let stage = stage(|number, _| granted(number), |_, _| fine()).await;
    for _ in 0..3 {
        assert_eq!(stage.get().await.unwrap(), b"fine");
    }
    let asked = form(&stage.tokens.log()[0]);
    assert_eq!(asked["grant_type"], "client_credentials");
    assert_eq!(asked["client_id"], "client-1");
    assert_eq!(asked["client_secret"], SECRET);
    assert_eq!(asked["scope"], "https://graph.example/.default");
    assert_eq!(stage.tokens.log().len(), 1);
    stage.clock.0.store(3_298_000, Ordering::Relaxed);
    stage.get().await.unwrap();
    assert_eq!(stage.tokens.log().len(), 1, "five minutes and a second are left");
    stage.clock.0.store(3_300_000, Ordering::Relaxed);
    stage.get().await.unwrap();
    assert_eq!(stage.bearers().last().unwrap(), "Bearer token-number-1");
}

#[tokio::test]
async fn a_valid_token_outlives_a_sick_endpoint() {
    let stage = stage(
        |number, _| if number == 0 { granted(0) } else { (503, Vec::new(), Vec::new()) },
        |_, _| fine(),
    )
    .await;
    stage.get().await.unwrap();
    stage.clock.0.store(3_400_000, Ordering::Relaxed);
    stage.get().await.unwrap();
    stage.clock.0.store(3_600_000, Ordering::Relaxed);
    assert!(matches!(stage.get().await, Err(NetError::Busy { status: 503, .. })));
}

#[tokio::test]
async fn a_refused_token_is_replaced_once() {
    let stage_once = stage(
        |number, _| granted(number),
        |_, seen| {
            if seen.header("authorization") == Some("Bearer token-number-0") {
                (401, Vec::new(), Vec::new())
            } else {
                fine()
            }
        },
    )
    .await;
    assert_eq!(stage_once.get().await.unwrap(), b"fine");
    assert_eq!(stage_once.bearers(), ["Bearer token-number-0", "Bearer token-number-1"]);
    let never = stage(|number, _| granted(number), |_, _| (401, Vec::new(), b"no".to_vec())).await;
    assert_eq!(never.get().await.unwrap(), b"no", "the second 401 is the connector's to read");
    assert_eq!(never.tokens.log().len(), 2);
}

#[tokio::test]
async fn a_login_is_for_its_origins_only() {
    let stage = stage(|number, _| granted(number), |_, _| fine()).await;
    for (url, login) in [
        (stage.tokens.url("/"), "graph"),
        (Url::parse("https://evil.example/").unwrap(), "graph"),
        (stage.data.url("/"), "other"),
    ] {
        let outcome = stage.wire.send(Request::get(url).login(login)).await;
        assert!(matches!(outcome, Err(NetError::Refused(_))), "{outcome:?}");
    }
    assert!(stage.tokens.log().is_empty() && stage.data.log().is_empty());
    stage.wire.send(Request::get(stage.data.url("/"))).await.unwrap();
    assert_eq!(stage.bearers(), ["-"], "who names no login gets none");
}

#[tokio::test]
async fn an_echo_of_token_or_secret_ends_the_run() {
    let echoes = stage(
        |number, _| granted(number),
        |_, seen| {
            (
                200,
                Vec::new(),
                format!("you sent {}", seen.header("authorization").unwrap_or("-")).into_bytes(),
            )
        },
    )
    .await;
    assert!(matches!(echoes.get().await, Err(NetError::Denied { .. })));
    let leaks =
        stage(|number, _| granted(number), |_, _| (200, vec![("x-debug", SECRET.to_owned())], Vec::new()))
            .await;
    assert!(matches!(leaks.get().await, Err(NetError::Denied { .. })));
}

#[tokio::test]
async fn a_refused_sign_in_is_denied_with_a_hint_and_without_the_secret() {
    let stage = stage(
        |_, seen| {
            let description = format!("AADSTS7000215: Invalid client secret provided: {}", form(seen)["client_secret"]);
            let body = json!({ "error": "invalid_client", "error_description": description, "error_codes": [7_000_215] });
            (401, Vec::new(), body.to_string().into_bytes())
        },
        |_, _| fine(),
    )
    .await;
    match stage.get().await {
        Err(NetError::Denied { message, hint }) => {
            assert!(
                message.ends_with("AADSTS7000215: Invalid client secret provided: (removed)"),
                "{message}"
            );
            assert!(hint.unwrap().starts_with("the client secret is wrong"));
        }
        other => panic!("{other:?}"),
    }
    assert!(stage.data.log().is_empty());
}

#[tokio::test]
async fn what_is_no_token_is_denied() {
    for body in [
        "",
        "<html>",
        r#"{"access_token":""}"#,
        r#"{"access_token":"a b"}"#,
        r#"{"access_token":"x","token_type":"mac"}"#,
    ] {
        let stage = stage(move |_, _| (200, Vec::new(), body.as_bytes().to_vec()), |_, _| fine()).await;
        assert!(matches!(stage.get().await, Err(NetError::Denied { .. })), "{body}");
    }
}

/// Verifies an assertion with the certificate's key and gives header and claims.
fn verified(assertion: &str) -> (Value, Value) {
    let parts: Vec<&str> = assertion.split('.').collect();
    let part = |index: usize| URL_SAFE_NO_PAD.decode(parts[index]).unwrap();
    let header: Value = serde_json::from_slice(&part(0)).unwrap();
    let der = CertificateDer::from_pem_slice(CERTIFICATE.as_bytes()).unwrap();
    let (_, parsed) = X509Certificate::from_der(&der).unwrap();
    let key = parsed.public_key().subject_public_key.data.to_vec();
    let signed = format!("{}.{}", parts[0], parts[1]);
    let (sha256, sha1) = (
        URL_SAFE_NO_PAD.encode(sha2::Sha256::digest(&der)),
        URL_SAFE_NO_PAD.encode(sha1::Sha1::digest(&der)),
    );
    match header["alg"].as_str().unwrap() {
        "PS256" => {
            assert_eq!(header["x5t#S256"], json!(sha256));
            UnparsedPublicKey::new(&RSA_PSS_2048_8192_SHA256, key)
                .verify(signed.as_bytes(), &part(2))
                .unwrap();
        }
        "RS256" => {
            let named = header.get("kid").is_some() || header["x5t"] == json!(sha1);
            assert!(named, "{header}");
            UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key)
                .verify(signed.as_bytes(), &part(2))
                .unwrap();
        }
        other => panic!("{other}"),
    }
    let claims = serde_json::from_slice(&part(1)).unwrap();
    (header, claims)
}

#[tokio::test]
async fn an_assertion_is_signed_by_the_certificate() {
    let (pkcs8, pkcs1) =
        (include_str!("../testdata/client.key"), include_str!("../testdata/client-pkcs1.key"));
    for (key, algorithm) in [(pkcs8, Algorithm::Ps256), (pkcs1, Algorithm::Ps256), (pkcs8, Algorithm::Rs256)]
    {
        let assertions = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&assertions);
        let tokens = move |number: usize, seen: &Seen| {
            let form = form(seen);
            assert!(!form.contains_key("client_secret"));
            assert_eq!(
                form["client_assertion_type"],
                "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
            );
            kept.lock().unwrap().push(form["client_assertion"].clone());
            granted(number)
        };
        let stage = try_stage(certificate(key, algorithm), tokens, |_, _| fine()).await.unwrap();
        stage.get().await.unwrap();
        let (header, claims) = verified(&assertions.lock().unwrap()[0]);
        assert_eq!(header["typ"], "JWT");
        assert_eq!(claims["aud"], json!(stage.tokens.url("/tenant/oauth2/v2.0/token").as_str()));
        assert_eq!((&claims["iss"], &claims["sub"]), (&json!("client-1"), &json!("client-1")));
        assert_eq!(claims["nbf"], json!(1_700_000_000));
        assert_eq!(claims["exp"], json!(1_700_000_600));
        assert_eq!(claims["jti"].as_str().unwrap().len(), 32);
    }
}

#[tokio::test]
async fn a_key_that_cannot_sign_is_named() {
    let ec = rcgen::KeyPair::generate().unwrap().serialize_pem();
    for (key, expect) in [
        (include_str!("../testdata/other.key"), "the private key does not belong to the certificate"),
        (include_str!("../testdata/encrypted.key"), "the private key is protected by a pass phrase"),
        (&*ec, "the private key is no RSA key that can be used: "),
        ("no key", "the private key is not in PEM form"),
        (CERTIFICATE, "the private key is not in PEM form"),
    ] {
        match try_stage(certificate(key, Algorithm::Ps256), |number, _| granted(number), |_, _| fine()).await
        {
            Err(NetError::Invalid(said)) => {
                assert!(said.message.starts_with(expect), "{}", said.message);
                assert_ne!(said.place, rollcall_core::Place::Nowhere);
            }
            _ => panic!("{expect}"),
        }
    }
}

#[tokio::test]
async fn a_fixed_token_goes_behind_its_scheme_and_is_never_replaced() {
    let ssws = |_| Way::Token { scheme: "SSWS".to_owned(), token: Secret::new(SECRET) };
    let stage =
        way_stage(ssws, |number, _| granted(number), |_, _| (401, Vec::new(), b"no".to_vec())).await.unwrap();
    assert_eq!(stage.get().await.unwrap(), b"no", "there is no other token to try");
    assert_eq!(stage.bearers(), [format!("SSWS {SECRET}")]);
    assert!(stage.tokens.log().is_empty());
    let echoes = way_stage(
        ssws,
        |number, _| granted(number),
        |_, seen| (200, Vec::new(), seen.header("authorization").unwrap_or("-").as_bytes().to_vec()),
    )
    .await
    .unwrap();
    assert!(matches!(echoes.get().await, Err(NetError::Denied { .. })));
}

#[tokio::test]
async fn a_password_is_sent_as_basic_and_found_in_every_form() {
    let basic = |_| Way::Basic { username: Secret::new("ann"), password: Secret::new("hunter2-hunter2") };
    let stage = way_stage(basic, |number, _| granted(number), |_, _| fine()).await.unwrap();
    stage.get().await.unwrap();
    assert_eq!(stage.bearers(), ["Basic YW5uOmh1bnRlcjItaHVudGVyMg=="]);
    for echo in ["YW5uOmh1bnRlcjItaHVudGVyMg==", "hunter2-hunter2"] {
        let stage = way_stage(
            basic,
            |number, _| granted(number),
            move |_, _| (200, Vec::new(), echo.as_bytes().to_vec()),
        )
        .await
        .unwrap();
        assert!(matches!(stage.get().await, Err(NetError::Denied { .. })), "{echo}");
    }
}

#[tokio::test]
async fn a_key_alone_signs_with_its_id() {
    for key_id in [Some("key-1".to_owned()), None] {
        let assertions = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&assertions);
        let tokens = move |number: usize, seen: &Seen| {
            kept.lock().unwrap().push(form(seen)["client_assertion"].clone());
            granted(number)
        };
        let pem = Credential::new("private_key", Secret::new(include_str!("../testdata/client.key")));
        let proof = Proof::Key { private_key: pem, key_id: key_id.clone() };
        let stage = try_stage(proof, tokens, |_, _| fine()).await.unwrap();
        stage.get().await.unwrap();
        let assertion = assertions.lock().unwrap()[0].clone();
        if key_id.is_some() {
            let (header, claims) = verified(&assertion);
            assert_eq!(header, json!({ "alg": "RS256", "typ": "JWT", "kid": "key-1" }));
            assert_eq!((&claims["iss"], &claims["sub"]), (&json!("client-1"), &json!("client-1")));
        } else {
            let header = URL_SAFE_NO_PAD.decode(assertion.split('.').next().unwrap()).unwrap();
            assert_eq!(
                serde_json::from_slice::<Value>(&header).unwrap(),
                json!({ "alg": "RS256", "typ": "JWT" })
            );
        }
    }
}

fn service_account(key: &str) -> impl FnOnce(Url) -> Way {
    let key = Credential::new("service_account", Secret::new(key));
    move |token_url| {
        let flow = Flow::ServiceAccount { key, subject: "admin@example.com".to_owned() };
        Way::OAuth(OAuth { token_url, scope: "users.readonly groups.readonly".to_owned(), flow })
    }
}

#[tokio::test]
async fn a_service_account_acts_for_an_administrator() {
    let forms = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&forms);
    let tokens = move |number: usize, seen: &Seen| {
        kept.lock().unwrap().push(form(seen));
        granted(number)
    };
    let pem = include_str!("../testdata/client.key");
    let key = json!({ "type": "service_account", "client_email": "robot@project.example", "private_key": pem,
                      "private_key_id": "key-1", "token_uri": "https://evil.example/token" });
    let stage = way_stage(service_account(&key.to_string()), tokens, |_, _| fine()).await.unwrap();
    stage.get().await.unwrap();
    let form = &forms.lock().unwrap()[0];
    assert_eq!(form["grant_type"], "urn:ietf:params:oauth:grant-type:jwt-bearer");
    assert_eq!(form.len(), 2, "nothing but grant and assertion: {form:?}");
    let (header, claims) = verified(&form["assertion"]);
    assert_eq!(header["kid"], json!("key-1"));
    assert_eq!(claims["iss"], json!("robot@project.example"));
    assert_eq!(claims["sub"], json!("admin@example.com"));
    assert_eq!(claims["scope"], json!("users.readonly groups.readonly"));
    assert_eq!(claims["aud"], json!(stage.tokens.url("/tenant/oauth2/v2.0/token").as_str()));
    assert_eq!(claims["exp"], json!(1_700_000_600));
}

#[tokio::test]
async fn a_key_file_that_is_none_is_named_and_never_quoted() {
    let pem = include_str!("../testdata/client.key");
    let lacks = |field: &str| {
        let mut key =
            json!({ "type": "service_account", "client_email": "canary@x.example", "private_key": pem });
        key.as_object_mut().unwrap().remove(field);
        key.to_string()
    };
    for (key, expect) in [
        (
            "canary, no JSON".to_owned(),
            "the credential `service_account` is not the JSON key of a service account",
        ),
        ("[\"canary\"]".to_owned(), "the credential `service_account` is a key of another kind"),
        (lacks("client_email"), "the credential `service_account` lacks `client_email`"),
        (lacks("private_key"), "the credential `service_account` lacks `private_key`"),
        (lacks("type").replace("client_email", "x"), "the credential `service_account` lacks `client_email`"),
        (
            json!({ "type": "authorized_user", "canary": 1 }).to_string(),
            "the credential `service_account` is a key of another kind",
        ),
        (
            json!({ "client_email": "canary@x.example", "private_key": "canary" }).to_string(),
            "the private key is not in PEM form",
        ),
    ] {
        let way = service_account(&key)(Url::parse("https://token.example/").unwrap());
        match way.check() {
            Err(NetError::Invalid(said)) => {
                assert!(said.message.starts_with(expect), "{}", said.message);
                assert!(!format!("{said:?}").contains("canary"), "{said:?}");
                assert!(format!("{:?}", said.place).contains("service_account"), "{:?}", said.place);
            }
            other => panic!("{expect}: {other:?}"),
        }
    }
}
