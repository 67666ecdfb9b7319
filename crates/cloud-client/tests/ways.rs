//! The ways to a cloud, over real sockets: proxies, certificates, both families of addresses, sign-in portals. Calls and
//! WebSockets must take the same one.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::extract::ws::WebSocketUpgrade;
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse};
use axum::routing::{any, get};
use axum::{Json, Router};
use axum_server::tls_rustls::RustlsConfig;
use cloud_client::{
    BaseUrl, CloudClient, CloudError, EventMessage, Network, Obstacle, RoomDial, SecretString,
    dial_events, dial_room,
};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};
use serde_json::json;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};

/// A name that only a proxy of these tests can lead to.
const NAME: &str = "cloud.test";

/// A certificate authority and a server's certificate of it.
struct Authority {
    folder: tempfile::TempDir,
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("ca.pem"), issuer.pem()).unwrap();
        Self { folder, issuer }
    }

    fn file(&self) -> std::path::PathBuf {
        self.folder.path().join("ca.pem")
    }

    async fn certify(&self, change: impl FnOnce(&mut CertificateParams)) -> RustlsConfig {
        // An error means that a provider is there already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let names = [NAME, "localhost", "127.0.0.1", "::1"].map(str::to_owned);
        let mut params = CertificateParams::new(names).unwrap();
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let (certificate, key) = (certificate.pem(), key.serialize_pem());
        RustlsConfig::from_pem(certificate.into(), key.into())
            .await
            .unwrap()
    }
}

/// A cloud that accepts every socket and lists no machine.
fn cloud() -> Router {
    let socket = |upgrade: WebSocketUpgrade| async {
        upgrade.on_upgrade(|mut socket| async move {
            let ready = r#"{"event":"ready"}"#.into();
            let _ = socket.send(axum::extract::ws::Message::Text(ready)).await;
            while let Some(Ok(_)) = socket.recv().await {}
        })
    };
    Router::new()
        .route(
            "/api/workstations",
            get(|| async { Json(json!({"ok": true})) }),
        )
        .route("/api/workstations/{id}/events", any(socket))
        .route("/n/{id}/sync", any(socket))
}

fn serve(router: Router, tls: Option<RustlsConfig>, at: &str) -> SocketAddr {
    let listener = std::net::TcpListener::bind(at).unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    let service = router.into_make_service();
    tokio::spawn(async move {
        match tls {
            Some(tls) => {
                let server = axum_server::from_tcp_rustls(listener, tls).unwrap();
                server.serve(service).await
            }
            None => {
                axum_server::from_tcp(listener)
                    .unwrap()
                    .serve(service)
                    .await
            }
        }
    });
    address
}

/// A proxy of our own: knows `NAME`, asks for a login when it has one, notes what it was asked.
#[derive(Clone, Default)]
struct TestProxy {
    asked: Arc<Mutex<Vec<String>>>,
    login: Option<&'static str>,
}

impl TestProxy {
    async fn start(&self, tls: Option<RustlsConfig>) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let acceptor = tls.map(|tls| tokio_rustls::TlsAcceptor::from(tls.get_inner()));
        let proxy = self.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (proxy, acceptor) = (proxy.clone(), acceptor.clone());
                tokio::spawn(async move {
                    match acceptor {
                        Some(acceptor) => {
                            let stream = acceptor.accept(stream).await?;
                            proxy.attend(stream).await
                        }
                        None => proxy.attend(stream).await,
                    }
                });
            }
        });
        address
    }

    async fn attend(self, mut near: impl AsyncRead + AsyncWrite + Unpin) -> std::io::Result<()> {
        let mut head = vec![near.read_u8().await?];
        if head[0] == 5 {
            return self.attend_socks(near).await;
        }
        while !head.ends_with(b"\r\n\r\n") {
            head.push(near.read_u8().await?);
        }
        let head = String::from_utf8(head).unwrap();
        let line = head.lines().next().unwrap().to_owned();
        self.asked.lock().unwrap().push(line.clone());
        if self.login.is_some_and(|login| !head.contains(login)) {
            let answer = "HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n";
            return near.write_all(answer.as_bytes()).await;
        }
        let words: Vec<&str> = line.split(' ').collect();
        let target = if words[0] == "CONNECT" {
            words[1].to_owned()
        } else {
            words[1].split('/').nth(2).unwrap().to_owned()
        };
        let mut far = TcpStream::connect(target.replace(NAME, "127.0.0.1")).await?;
        if words[0] == "CONNECT" {
            near.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await?;
        } else {
            // Asked for a page; this one leaves the address as it is.
            far.write_all(head.as_bytes()).await?;
        }
        copy_bidirectional(&mut near, &mut far).await.map(drop)
    }

    /// SOCKS 5 by name, with user and password when there is a login.
    async fn attend_socks(
        self,
        mut near: impl AsyncRead + AsyncWrite + Unpin,
    ) -> std::io::Result<()> {
        let methods = near.read_u8().await?;
        let mut offered = vec![0; methods.into()];
        near.read_exact(&mut offered).await?;
        if let Some(login) = self.login {
            near.write_all(&[5, 2]).await?;
            near.read_u8().await?;
            let mut given = Vec::new();
            for _ in 0..2 {
                let mut word = vec![0; near.read_u8().await?.into()];
                near.read_exact(&mut word).await?;
                given.push(String::from_utf8(word).unwrap());
            }
            let refused = u8::from(given.join(":") != login);
            near.write_all(&[1, refused]).await?;
        } else {
            near.write_all(&[5, 0]).await?;
        }
        let mut request = [0; 5];
        near.read_exact(&mut request).await?;
        let mut name = vec![0; request[4].into()];
        near.read_exact(&mut name).await?;
        let (name, port) = (String::from_utf8(name).unwrap(), near.read_u16().await?);
        self.asked.lock().unwrap().push(format!("{name}:{port}"));
        let mut far = TcpStream::connect(("127.0.0.1", port)).await?;
        near.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0]).await?;
        copy_bidirectional(&mut near, &mut far).await.map(drop)
    }

    fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.asked.lock().unwrap())
    }
}

fn network(variables: &[(&str, String)], authority: &Authority) -> Network {
    let variables: BTreeMap<_, _> = variables.iter().cloned().collect();
    Network::find(|name| variables.get(name).cloned(), Some(&authority.file())).unwrap()
}

/// What a call, the event socket and the room's socket come to.
async fn all_three(network: &Network, base: &str) -> [Result<(), CloudError>; 3] {
    let base = BaseUrl::parse(base, true).unwrap();
    let token = || SecretString::from("nwc_t");
    let call = async {
        let client = CloudClient::new(network, base.clone())?;
        client.list_workstations().await.map(drop)
    };
    let events = async {
        let mut socket = dial_events(network, &base, "w", &token()).await?;
        assert_eq!(socket.next().await, Ok(Some(EventMessage::Ready)));
        Ok(())
    };
    let dial = RoomDial::new(network.clone(), base.clone(), "n", "viewer", token());
    let (call, events, room) = tokio::join!(call, events, dial_room(&dial));
    [call, events, room.map(drop)]
}

async fn all_reach(network: &Network, base: &str) {
    for reached in all_three(network, base).await {
        reached.unwrap();
    }
}

/// Each fails with the same obstacle and says how to go on; the texts.
async fn all_meet(network: &Network, base: &str, expected: Obstacle) -> String {
    let mut texts = String::new();
    for failed in all_three(network, base).await {
        let error = failed.unwrap_err();
        assert!(
            matches!(&error, CloudError::Unreachable { obstacle, .. } if *obstacle == expected),
            "{error:?} is not {expected:?}"
        );
        let text = error.to_string();
        assert!(text.contains("\nHint: "), "{text}");
        assert!(!text.contains("secret"), "{text}");
        texts.push_str(&text);
    }
    texts
}

#[tokio::test]
async fn calls_and_sockets_take_the_same_proxy() {
    let authority = Authority::new();
    let tls = authority.certify(|_| {}).await;
    let port = serve(cloud(), Some(tls.clone()), "127.0.0.1:0").port();
    let base = format!("https://{NAME}:{port}");
    let line = format!("CONNECT {NAME}:{port} HTTP/1.1");
    let proxy = TestProxy::default();
    let plain = proxy.start(None).await;
    let encrypted = proxy.start(Some(tls)).await;

    for (variable, value) in [
        ("HTTPS_PROXY", format!("http://{plain}")),
        ("all_proxy", plain.to_string()),
        (
            "https_proxy",
            format!("https://localhost:{}", encrypted.port()),
        ),
    ] {
        all_reach(&network(&[(variable, value)], &authority), &base).await;
        assert_eq!(proxy.asked(), [line.as_str(); 3], "{variable}");
    }
    let socks = [("ALL_PROXY", format!("socks5h://{plain}"))];
    all_reach(&network(&socks, &authority), &base).await;
    assert_eq!(proxy.asked(), [format!("{NAME}:{port}").as_str(); 3]);

    // Neither an exception nor this machine goes through it.
    let variables = [
        ("HTTPS_PROXY", format!("http://{plain}")),
        ("NO_PROXY", format!("other, {NAME}:{port}")),
    ];
    let direct = network(&variables, &authority);
    all_reach(&direct, &format!("https://localhost:{port}")).await;
    all_meet(&direct, &base, Obstacle::Name).await;
    assert_eq!(proxy.asked(), Vec::<String>::new());
}

#[tokio::test]
async fn without_encryption_sockets_still_ask_the_proxy_for_a_tunnel() {
    let authority = Authority::new();
    let port = serve(cloud(), None, "127.0.0.1:0").port();
    let proxy = TestProxy::default();
    let variables = [("HTTP_PROXY", proxy.start(None).await.to_string())];
    all_reach(
        &network(&variables, &authority),
        &format!("http://{NAME}:{port}"),
    )
    .await;
    let mut asked = proxy.asked();
    asked.sort();
    let tunnel = format!("CONNECT {NAME}:{port} HTTP/1.1");
    let page = format!("GET http://{NAME}:{port}/api/workstations HTTP/1.1");
    assert_eq!(asked, [tunnel.clone(), tunnel, page]);
}

#[tokio::test]
async fn a_proxy_that_wants_a_login_gets_it_or_is_named() {
    let authority = Authority::new();
    let tls = authority.certify(|_| {}).await;
    let port = serve(cloud(), Some(tls), "127.0.0.1:0").port();
    let base = format!("https://{NAME}:{port}");
    let basic = TestProxy {
        // ada:secret
        login: Some("Basic YWRhOnNlY3JldA=="),
        ..TestProxy::default()
    };
    let socks = TestProxy {
        login: Some("ada:secret"),
        ..TestProxy::default()
    };
    for (scheme, at) in [
        ("http", basic.start(None).await),
        ("socks5h", socks.start(None).await),
    ] {
        let through = |login: &str| {
            let variables = [("HTTPS_PROXY", format!("{scheme}://{login}@{at}"))];
            network(&variables, &authority)
        };
        all_reach(&through("ada:secret"), &base).await;
        let text = all_meet(&through("eve:secret2"), &base, Obstacle::ProxyLogin).await;
        assert!(text.contains("http://USER:PASSWORD@HOST:PORT"), "{text}");
    }
    // A proxy answers a call that is not encrypted by itself.
    let variables = [("HTTP_PROXY", basic.start(None).await.to_string())];
    let plain = network(&variables, &authority);
    all_meet(
        &plain,
        &format!("http://{NAME}:{port}"),
        Obstacle::ProxyLogin,
    )
    .await;
}

#[tokio::test]
async fn a_proxy_that_is_not_there_is_named() {
    let authority = Authority::new();
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = gone.local_addr().unwrap();
    drop(gone);
    for value in [
        format!("http://ada:secret@{address}"),
        format!("socks5://{address}"),
    ] {
        let variables = [("HTTPS_PROXY", value)];
        let base = "https://127.0.0.9:1".replace("127.0.0.9", NAME);
        all_meet(&network(&variables, &authority), &base, Obstacle::Proxy).await;
    }
}

#[tokio::test]
async fn certificates_are_checked_alike_and_their_faults_named() {
    let authority = Authority::new();
    let at = |tls| serve(cloud(), Some(tls), "127.0.0.1:0").port();
    let good = at(authority.certify(|_| {}).await);
    let expired = authority.certify(|params| params.not_after = date_time_ymd(2001, 1, 1));
    let expired = at(expired.await);
    let other = authority.certify(|params| {
        params.subject_alt_names.truncate(1);
    });
    let other = at(other.await);
    let base = |port: u16| format!("https://localhost:{port}");

    let known = network(&[], &authority);
    all_reach(&known, &base(good)).await;
    all_meet(&known, &base(expired), Obstacle::CertificateTime).await;
    all_meet(&known, &base(other), Obstacle::CertificateName).await;
    let strange = network(&[], &Authority::new());
    let text = all_meet(&strange, &base(good), Obstacle::Authority).await;
    assert!(text.contains("config set ca_file"), "{text}");
    let unencrypted = serve(cloud(), None, "127.0.0.1:0").port();
    all_meet(&known, &base(unencrypted), Obstacle::Encryption).await;

    // The variable says the same, and a file that is none says so.
    let file = authority.file().display().to_string();
    let find = |file: &str| {
        Network::find(
            |name| (name == "RUNT_CLOUD_CA_FILE").then(|| file.to_owned()),
            None,
        )
    };
    all_reach(&find(&file).unwrap(), &base(good)).await;
    let empty = authority.folder.path().join("empty.pem");
    std::fs::write(&empty, "nothing").unwrap();
    for wrong in [empty, authority.folder.path().join("missing")] {
        let error = find(&wrong.display().to_string())
            .err()
            .unwrap()
            .to_string();
        assert!(
            error.contains(&wrong.display().to_string()) && error.contains("Hint: "),
            "{error}"
        );
    }
}

#[tokio::test]
async fn both_families_of_addresses_work() {
    let authority = Authority::new();
    let network = network(&[], &authority);
    let tls = authority.certify(|_| {}).await;
    let six = serve(cloud(), Some(tls.clone()), "[::1]:0");
    all_reach(&network, &format!("https://{six}")).await;
    // Where the name has two addresses, nothing listens at the other.
    let four = serve(cloud(), Some(tls), "127.0.0.1:0");
    all_reach(&network, &format!("https://localhost:{}", four.port())).await;
}

#[tokio::test]
async fn what_a_sign_in_portal_answers_is_recognised() {
    let authority = Authority::new();
    let network = network(&[], &authority);
    let page = || async { Html("<html>sign in to the wifi</html>") };
    let redirect = || async {
        (
            StatusCode::FOUND,
            [(header::LOCATION, "http://hotel.test/login")],
        )
            .into_response()
    };
    for (router, expected) in [
        (Router::new().fallback(page), "a web page came"),
        (
            Router::new().fallback(redirect),
            "a redirect to http://hotel.test/login came",
        ),
    ] {
        let at = serve(router, None, "127.0.0.1:0");
        for failed in all_three(&network, &format!("http://{at}")).await {
            let error = failed.unwrap_err();
            let text = error.to_string();
            assert!(matches!(error, CloudError::Foreign { .. }), "{text}");
            assert!(
                text.contains(expected) && text.contains("sign in"),
                "{text}"
            );
        }
    }
    // A refusal that is a page is not the cloud's word.
    let blocked = || async { (StatusCode::FORBIDDEN, Html("<html>blocked</html>")) };
    let own = || async { (StatusCode::FORBIDDEN, Json(json!({"error": "no"}))) };
    for (router, in_cloud_words) in [
        (Router::new().fallback(blocked), false),
        (Router::new().fallback(own), true),
    ] {
        let at = serve(router, None, "127.0.0.1:0");
        for failed in all_three(&network, &format!("http://{at}")).await {
            let error = failed.unwrap_err();
            let refusal = error.refusal().unwrap();
            assert_eq!(
                (refusal.status, refusal.in_cloud_words),
                (403, in_cloud_words)
            );
            assert!(!error.to_string().contains('<'), "{error}");
        }
    }
}
