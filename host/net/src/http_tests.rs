//! The network's wire against servers on loopback: what it refuses, what it counts, whom it trusts.

use std::sync::Mutex;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    date_time_ymd,
};
use rustls_pki_types::PrivateKeyDer;
use sha2::Digest as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_rustls::TlsAcceptor;

use super::*;
use crate::testing::Server;

fn ok(body: &str) -> crate::testing::Said {
    (200, vec![("X-Thing", "a".to_owned()), ("x-thing", "b".to_owned())], body.as_bytes().to_vec())
}

fn online() -> Online {
    Online::new(Options::default()).unwrap()
}

#[tokio::test]
async fn a_request_and_its_answer_arrive_whole() {
    let server =
        Server::start(None, |_, seen| ok(&format!("{} {} {}", seen.method, seen.target, seen.body))).await;
    let request = Request::new("POST", server.url("/a?b=c")).header("X-One", "1").body("hello");
    let mut answer = online().send(request).await.unwrap();
    assert_eq!(answer.status, 200);
    assert_eq!(answer.headers.iter().filter(|(name, _)| name == "x-thing").count(), 2);
    assert_eq!(answer.read_all(100).await.unwrap(), b"POST /a?b=c hello");
    let seen = &server.log()[0];
    assert_eq!(seen.header("x-one"), Some("1"));
    assert_eq!(seen.header("accept-encoding"), Some("gzip"));
    assert!(seen.header("user-agent").unwrap().starts_with("rollcall/"));
}

#[tokio::test]
async fn a_redirect_is_an_answer() {
    let server = Server::start(None, |_, _| {
        (302, vec![("location", "http://169.254.169.254/".to_owned())], Vec::new())
    })
    .await;
    assert_eq!(online().send(Request::get(server.url("/"))).await.unwrap().status, 302);
    assert_eq!(server.log().len(), 1);
}

async fn refusal(request: Request) -> Diagnostic {
    match online().send(request).await {
        Err(NetError::Refused(diagnostic)) => *diagnostic,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn what_must_not_leave_is_refused() {
    for (url, expect) in [
        ("http://hr.example/", "`http://hr.example` is not encrypted"),
        ("https://a:b@hr.example/", "a URL must not carry user information"),
        (
            "https://169.254.169.254/latest",
            "`169.254.169.254` leads to the metadata service `169.254.169.254`, which is never reached",
        ),
        ("ftp://hr.example/", "`ftp` is neither `https` nor `http`"),
    ] {
        assert_eq!(refusal(Request::get(Url::parse(url).unwrap())).await.message, expect);
    }
    let url = Url::parse("http://127.0.0.1:1/").unwrap();
    for header in
        ["Host", "Content-Length", "Transfer-Encoding", "Connection", "Accept-Encoding", "a b", "x\n"]
    {
        refusal(Request::get(url.clone()).header(header, "1")).await;
    }
    refusal(Request::get(url.clone()).header("x", "a\r\nb: c")).await;
    refusal(Request::new("G T", url)).await;
}

struct Names(&'static str, Mutex<u32>);

#[async_trait]
impl Resolver for Names {
    async fn resolve(&self, _: &str) -> Result<Vec<IpAddr>, String> {
        *self.1.lock().unwrap() += 1;
        Ok(vec![self.0.parse().unwrap()])
    }
}

#[tokio::test]
async fn a_name_that_leads_inside_is_refused_before_connecting() {
    let server = Server::start(None, |_, _| ok("")).await;
    let url = Url::parse(&format!("http://hr.example:{}/", server.address.port())).unwrap();
    let resolver = Arc::new(Names("127.0.0.1", Mutex::new(0)));
    let options = |addresses| Options {
        allow_insecure: true,
        resolver: Arc::clone(&resolver) as _,
        addresses,
        ..Options::default()
    };
    let refused = Online::new(options(AddressPolicy::public())).unwrap();
    match refused.send(Request::get(url.clone())).await {
        Err(NetError::Refused(said)) => {
            assert_eq!(said.message, "`hr.example` leads to `127.0.0.1`, which is no public address");
            assert!(said.hint.unwrap().contains("`addresses = [\"127.0.0.1\"]`"));
        }
        other => panic!("{other:?}"),
    }
    assert!(server.log().is_empty());
    let granted = Online::new(options(AddressPolicy::granting(&["127.0.0.0/8"]).unwrap())).unwrap();
    assert_eq!(granted.send(Request::get(url)).await.unwrap().status, 200);
    assert_eq!(server.log()[0].header("host").unwrap(), format!("hr.example:{}", server.address.port()));
    assert_eq!(*resolver.1.lock().unwrap(), 2, "each connection resolves once");
}

/// A resolver that gives another answer each time, as one with a lifetime of zero may.
struct Turns(Mutex<std::collections::VecDeque<Vec<&'static str>>>);

#[async_trait]
impl Resolver for Turns {
    async fn resolve(&self, _: &str) -> Result<Vec<IpAddr>, String> {
        let answer = self.0.lock().unwrap().pop_front().expect("it was asked once too often");
        Ok(answer.into_iter().map(|address| address.parse().unwrap()).collect())
    }
}

#[tokio::test]
async fn a_name_that_leads_elsewhere_the_next_time_leads_nowhere() {
    // Stands for a public server: the one address that is granted. The others are of this machine and its network.
    let server =
        Server::start(None, |_, _| (200, vec![("connection", "close".to_owned())], Vec::new())).await;
    let url = Url::parse(&format!("http://hr.example:{}/", server.address.port())).unwrap();
    let turns = [
        vec!["127.0.0.1"],
        // What was checked is what is connected to: nobody asks again in between.
        vec!["127.0.0.2"],
        vec!["::1", "::ffff:127.0.0.2", "10.0.0.1"],
        vec!["169.254.169.254"],
        vec!["::ffff:169.254.169.254"],
        vec!["64:ff9b::a9fe:a9fe"],
        // Of several the one that passes is taken, and only that one.
        vec!["127.0.0.2", "::1", "127.0.0.1"],
    ];
    let resolver = Arc::new(Turns(Mutex::new(turns.into_iter().collect())));
    let online = Online::new(Options {
        allow_insecure: true,
        resolver: Arc::clone(&resolver) as _,
        addresses: AddressPolicy::granting(&["127.0.0.1/32"]).unwrap(),
        ..Options::default()
    })
    .unwrap();
    for expect in [true, false, false, false, false, false, true] {
        let answer = online.send(Request::get(url.clone())).await;
        match answer {
            Ok(answer) => assert!(expect && answer.status == 200),
            Err(NetError::Refused(said)) => {
                assert!(!expect, "{said:?}");
                assert!(said.message.starts_with("`hr.example` leads to "), "{said:?}");
            }
            Err(other) => panic!("{other:?}"),
        }
    }
    assert_eq!(server.log().len(), 2);
    assert!(resolver.0.lock().unwrap().is_empty(), "each request resolves once");
}

#[tokio::test]
async fn nobody_there_is_unreachable_and_a_cut_answer_is_lost() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let url = Url::parse(&format!("http://{address}/")).unwrap();
    drop(listener);
    match online().send(Request::get(url)).await {
        Err(NetError::Unreachable { message, .. }) => assert!(message.contains("refused"), "{message}"),
        other => panic!("{other:?}"),
    }
    for said in ["", "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf"] {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = Url::parse(&format!("http://{}/", listener.local_addr().unwrap())).unwrap();
        tokio::spawn(async move {
            let (mut socket, _) = listener.accept().await.unwrap();
            let _ = socket.read(&mut [0; 1000]).await.unwrap();
            socket.write_all(said.as_bytes()).await.unwrap();
        });
        let outcome = match online().send(Request::get(url)).await {
            Ok(mut answer) => answer.read_all(1000).await,
            Err(error) => Err(error),
        };
        assert!(matches!(outcome, Err(NetError::Lost { .. })), "{outcome:?}");
    }
}

/// Accepts one connection, says something, and then nothing, or a byte now and then.
async fn slow(said: &'static str, drip: Option<Duration>) -> Url {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = Url::parse(&format!("http://{}/", listener.local_addr().unwrap())).unwrap();
    tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        let _ = socket.read(&mut [0; 1000]).await.unwrap();
        socket.write_all(said.as_bytes()).await.unwrap();
        loop {
            tokio::time::sleep(drip.unwrap_or(Duration::from_secs(3600))).await;
            if socket.write_all(b"x").await.is_err() {
                return;
            }
        }
    });
    url
}

#[tokio::test]
async fn nobody_waits_for_ever() {
    let head = "HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n";
    let drip = Some(Duration::from_millis(20));
    for (said, drip) in
        [("", None), ("HTTP/1.1 200", None), (head, None), (head, drip), ("HTTP/1.1 200 OK\r\nx: ", drip)]
    {
        let patience = Patience {
            silence: Duration::from_millis(200),
            exchange: Duration::from_millis(600),
            ..Patience::default()
        };
        let online = Online::new(Options { patience, ..Options::default() }).unwrap();
        let start = std::time::Instant::now();
        let outcome = match online.send(Request::get(slow(said, drip).await)).await {
            Ok(mut answer) => answer.read_all(1 << 20).await,
            Err(error) => Err(error),
        };
        match outcome {
            Err(NetError::Lost { message }) => {
                assert!(message.ends_with("it did not answer in time"), "{message}")
            }
            other => panic!("{other:?}"),
        }
        assert!(start.elapsed() < Duration::from_secs(3));
    }
}

#[tokio::test]
async fn too_many_headers_are_refused() {
    let many: Vec<(&str, String)> = (0..300).map(|_| ("x-many", "1".to_owned())).collect();
    let server = Server::start(None, move |_, _| (200, many.clone(), Vec::new())).await;
    assert!(online().send(Request::get(server.url("/"))).await.is_err());
    let server = Server::start(None, |_, _| (200, vec![("x-long", "y".repeat(70_000))], Vec::new())).await;
    assert!(matches!(online().send(Request::get(server.url("/"))).await, Err(NetError::Refused(_))));
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused() {
    let server = Server::start(None, |_, _| (200, Vec::new(), vec![b'x'; 3000])).await;
    let online = Online::new(Options { response_bytes: 2999, ..Options::default() }).unwrap();
    let outcome = online.send(Request::get(server.url("/"))).await.unwrap().read_all(1 << 20).await;
    assert!(matches!(outcome, Err(NetError::Refused(_))), "{outcome:?}");
}

#[tokio::test]
async fn a_compressed_bomb_is_counted_unpacked() {
    // 1 MiB of zeros, compressed by gzip -9 to about a thousandth.
    let bomb = include_bytes!("../testdata/zeros.gz");
    let server =
        Server::start(None, |_, _| (200, vec![("content-encoding", "gzip".to_owned())], bomb.to_vec())).await;
    let mut answer = online().send(Request::get(server.url("/"))).await.unwrap();
    assert_eq!(answer.read_all(2 << 20).await.unwrap().len(), 1 << 20);
    let small = Online::new(Options { response_bytes: 100_000, ..Options::default() }).unwrap();
    let outcome = small.send(Request::get(server.url("/"))).await.unwrap().read_all(2 << 20).await;
    assert!(matches!(outcome, Err(NetError::Refused(_))), "{outcome:?}");
}

#[tokio::test]
async fn a_proxy_is_asked_and_needs_no_name() {
    let proxy = Server::start(None, |_, seen| ok(&seen.target)).await;
    let options = Options {
        proxy: Some(format!("http://{}", proxy.address).into()),
        allow_insecure: true,
        resolver: Arc::new(Names("10.0.0.1", Mutex::new(0))),
        ..Options::default()
    };
    let online = Online::new(options).unwrap();
    let mut answer = online.send(Request::get(Url::parse("http://hr.example/x").unwrap())).await.unwrap();
    assert_eq!(answer.read_all(100).await.unwrap(), b"http://hr.example/x");
    let direct = Server::start(None, |_, seen| ok(&seen.target)).await;
    let mut answer = online.send(Request::get(direct.url("/y"))).await.unwrap();
    assert_eq!(answer.read_all(100).await.unwrap(), b"/y");
    for wrong in ["http://user:secret@proxy:3128", "socks5://proxy", "proxy:3128"] {
        assert!(Online::new(Options { proxy: Some(wrong.into()), ..Options::default() }).is_err(), "{wrong}");
    }
}

// ---- certificates ---------------------------------------------------------------------------------------------

struct Certified {
    acceptor: TlsAcceptor,
    fingerprint: String,
}

fn certified(chain: Vec<rustls_pki_types::CertificateDer<'static>>, key: &KeyPair) -> Certified {
    let fingerprint = crate::verifier::hex(&sha2::Sha256::digest(&chain[0]));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, PrivateKeyDer::try_from(key.serialize_der()).unwrap())
        .unwrap();
    Certified { acceptor: TlsAcceptor::from(Arc::new(config)), fingerprint }
}

fn authority() -> (Issuer<'static, KeyPair>, String) {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.distinguished_name.push(DnType::CommonName, "Corp CA");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let pem = params.self_signed(&key).unwrap().pem();
    (Issuer::new(params, key), pem)
}

fn signed(
    issuer: &Issuer<'static, KeyPair>,
    names: &[&str],
    change: impl Fn(&mut CertificateParams),
) -> Certified {
    let key = KeyPair::generate().unwrap();
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::new(names).unwrap();
    params.distinguished_name.push(DnType::CommonName, "localhost");
    change(&mut params);
    let certificate = params.signed_by(&key, issuer).unwrap();
    certified(vec![certificate.der().clone()], &key)
}

async fn tls(certified: &Certified, trust: Trust) -> Result<u16, NetError> {
    let server = Server::start(Some(certified.acceptor.clone()), |_, _| ok("")).await;
    let url = Url::parse(&format!("https://localhost:{}/", server.address.port())).unwrap();
    let online = Online::new(Options { trust, ..Options::default() }).unwrap();
    let outcome = online.send(Request::get(url)).await.map(|answer| answer.status);
    assert_eq!(outcome.is_ok(), !server.log().is_empty(), "nothing is sent to whom nobody trusts");
    outcome
}

async fn distrusted(certified: &Certified, trust: Trust, expect: &str) {
    match tls(certified, trust).await {
        Err(NetError::Untrusted { fingerprint, message, .. }) => {
            assert_eq!(fingerprint, certified.fingerprint);
            assert!(message.contains(expect), "{message} instead of {expect}");
            assert!(message.ends_with(&fingerprint), "{message}");
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_private_authority_is_trusted_through_its_file() {
    let (issuer, pem) = authority();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), pem).unwrap();
    let trust = || Trust::WithFile(file.path().to_owned());
    assert_eq!(tls(&signed(&issuer, &["localhost"], |_| {}), trust()).await.unwrap(), 200);
    let right = signed(&issuer, &["localhost"], |_| {});
    distrusted(&right, Trust::Machine, "its issuer `").await;
    distrusted(&right, Trust::Machine, "Corp CA").await;
    let other = signed(&issuer, &["hr.example", "127.0.0.1"], |_| {});
    distrusted(&other, trust(), "it is for `hr.example`, `127.0.0.1`, not for `localhost`").await;
    let nameless = signed(&issuer, &[], |_| {});
    distrusted(&nameless, trust(), "it names no host as subject alternative name").await;
    let old = signed(&issuer, &["localhost"], |params| {
        params.not_before = date_time_ymd(2019, 1, 1);
        params.not_after = date_time_ymd(2020, 1, 1);
    });
    distrusted(&old, trust(), "it expired on Jan  1").await;
    let early = signed(&issuer, &["localhost"], |params| params.not_before = date_time_ymd(3000, 1, 1));
    distrusted(&early, trust(), "it is not valid before").await;
    let client = signed(&issuer, &["localhost"], |params| {
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    });
    distrusted(&client, trust(), "it is not for servers").await;
    let ca =
        signed(&issuer, &["localhost"], |params| params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained));
    distrusted(&ca, trust(), "it is an authority's certificate").await;
}

#[tokio::test]
async fn a_pin_believes_one_certificate_whatever_it_says() {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec!["pbx.example".to_owned()]).unwrap();
    // What an IP Office shows by itself: its own authority, for another name, long expired.
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.not_after = date_time_ymd(2020, 1, 1);
    let own = certified(vec![params.self_signed(&key).unwrap().der().clone()], &key);
    assert_eq!(tls(&own, Trust::Pin(own.fingerprint.to_uppercase())).await.unwrap(), 200);
    distrusted(&own, Trust::Pin("ab".repeat(32)), "it is another certificate than the pinned one").await;
    let plain = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let plain = certified(vec![plain.self_signed(&key).unwrap().der().clone()], &key);
    distrusted(&plain, Trust::Machine, "it is self-signed").await;
    distrusted(&plain, Trust::Pin(own.fingerprint.clone()), "another certificate").await;
}

#[tokio::test]
async fn a_pinned_certificate_without_its_key_is_not_believed() {
    let (real, thief) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
    let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let certificate = params.self_signed(&real).unwrap().der().clone();
    let fingerprint = crate::verifier::hex(&sha2::Sha256::digest(&certificate));
    // rustls refuses a key that does not fit, so the resolver hands the pair over unseen.
    #[derive(Debug)]
    struct Stolen(Arc<rustls::sign::CertifiedKey>);
    impl rustls::server::ResolvesServerCert for Stolen {
        fn resolve(&self, _: rustls::server::ClientHello<'_>) -> Option<Arc<rustls::sign::CertifiedKey>> {
            Some(Arc::clone(&self.0))
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let key = PrivateKeyDer::try_from(thief.serialize_der()).unwrap();
    let key = provider.key_provider.load_private_key(key).unwrap();
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(Stolen(Arc::new(rustls::sign::CertifiedKey::new(
            vec![certificate],
            key,
        )))));
    let stolen =
        Certified { acceptor: TlsAcceptor::from(Arc::new(config)), fingerprint: fingerprint.clone() };
    let outcome = tls(&stolen, Trust::Pin(fingerprint)).await;
    assert!(matches!(outcome, Err(NetError::Unreachable { .. })), "{outcome:?}");
}

#[tokio::test]
async fn a_server_without_tls_is_named() {
    let server = Server::start(None, |_, _| ok("")).await;
    let url = Url::parse(&format!("https://127.0.0.1:{}/", server.address.port())).unwrap();
    match online().send(Request::get(url)).await {
        Err(NetError::Unreachable { message, hint }) => {
            assert!(message.ends_with("what answers there does not speak TLS"), "{message}");
            assert_eq!(hint.unwrap(), "is it the port of `https://`? Plain `http://` has another one");
        }
        other => panic!("{other:?}"),
    }
}
