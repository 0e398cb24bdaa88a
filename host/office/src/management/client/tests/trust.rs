//! Who is trusted, and who is let in.

use rollcall_edges::office::OfficeError;

use super::*;

async fn refused(config: Config) -> OfficeError {
    match Client::connect(config).await {
        Ok(_) => panic!("it connects"),
        Err(error) => error,
    }
}

#[tokio::test]
async fn a_certificate_that_is_not_trusted_is_shown_before_anything_is_sent() {
    let bench = bench("", peopled()).await;
    for pin in [Some(Text::from("00".repeat(32))), None] {
        let error = refused(Config { certificate_sha256: pin, ..bench.config() }).await;
        let OfficeError::Untrusted { fingerprint } = error else { panic!("{error:?}") };
        assert_eq!(fingerprint, bench.running.certificate_sha256());
    }
    assert_eq!(bench.running.log(), []);
}

#[tokio::test]
async fn the_authority_is_as_good_as_the_pin() {
    let bench = bench("", peopled()).await;
    let ca_file = bench.folder.join("ca.pem");
    std::fs::write(&ca_file, bench.running.ca_pem()).unwrap();
    let config = Config { certificate_sha256: None, ca_file: Some(ca_file), ..bench.config() };
    for address in ["127.0.0.1", "localhost"] {
        let client = Client::connect(Config { address: address.into(), ..config.clone() }).await.unwrap();
        assert_eq!(client.read().await.unwrap().users.len(), 2);
    }
}

#[tokio::test]
async fn a_wrong_password_is_denied_and_never_shown() {
    let bench = bench("", peopled()).await;
    let error = refused(Config { password: Secret::new("canary-wrong"), ..bench.config() }).await;
    let OfficeError::Denied(message) = error else { panic!("{error:?}") };
    assert!(message.contains("`rollcall`") && !message.contains("canary"), "{message}");
    assert_eq!(bench.running.calls(), 0);
}

#[tokio::test]
async fn nobody_at_the_address_is_unreachable() {
    let bench = bench("", peopled()).await;
    let config = bench.config();
    drop(bench);
    tokio::time::sleep(Duration::from_millis(100)).await;
    let config = Config { read_wait: Duration::from_secs(2), ..config };
    assert!(matches!(refused(config).await, OfficeError::Unreachable { .. }));
}

#[tokio::test]
async fn an_address_that_is_none_is_refused() {
    let bench = bench("", peopled()).await;
    for address in ["", "a b", "host/path", "user@host", "host:1"] {
        let error = refused(Config { address: address.into(), ..bench.config() }).await;
        assert!(matches!(error, OfficeError::Unreachable { .. }), "{address}: {error:?}");
    }
    assert_eq!(bench.running.log(), []);
}

#[tokio::test]
async fn the_server_lets_nobody_in_who_skips_a_step() {
    use rollcall_net::{AddressPolicy, Online, Options, Request, Trust, Wire as _};
    let bench = bench("", peopled()).await;
    let pin = bench.running.certificate_sha256().to_owned();
    let options =
        Options { addresses: AddressPolicy::public(), trust: Trust::Pin(pin), ..Options::default() };
    let online = Online::new(options).unwrap();
    let root = format!("https://{}/WebManagement/ws/sdk", bench.running.address());
    let fixed = [
        ("X-User-Client", "Avaya-WebAdmin"),
        ("X-User-Agent", "Avaya-SDKUser"),
        ("Content-Type", "application/json"),
    ];
    for (path, headers, cookie, expect) in [
        ("/admin/v1/users", &fixed[1..], "", 400),
        ("/admin/v1/users", &fixed[..2], "", 400),
        ("/admin/v1/users", &fixed[..], "", 401),
        ("/admin/v1/users", &fixed[..], "JSESSIONID=; SDK-Token=", 401),
        ("/admin/v1/secrets", &fixed[..], "", 404),
        ("/security/authenticate", &fixed[..], "", 401),
    ] {
        let mut request = Request::get(format!("{root}{path}").parse().unwrap());
        for (name, value) in
            headers.iter().chain([&("Cookie", cookie)]).filter(|(_, value)| !value.is_empty())
        {
            request = request.header(*name, *value);
        }
        assert_eq!(online.send(request).await.unwrap().status, expect, "{path} {headers:?} {cookie}");
    }
    assert_eq!(bench.running.calls(), 0);
}
