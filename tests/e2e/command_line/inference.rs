//! How `pocpit proxy` serves requests, as a separate process.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::Duration;

use pocpit::config::ProxyConfig;
use rustix::process::Signal;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::{Value, json};

use crate::command_line::proxy::Proxy;
use crate::command_line::{Home, config_of};
use crate::sim::Sim;

/// Nothing here takes this long, even on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

struct Scene {
    home: Home,
    sim: Sim,
    settings: ProxyConfig,
}

impl Scene {
    fn new() -> Scene {
        let home = Home::new();
        let sim = Sim::start(home.command(&["sim"]).args(["--speed", "50"]));
        let settings = config_of(&sim).inference_proxy.unwrap();
        Scene {
            home,
            sim,
            settings,
        }
    }

    fn serve(&self, variables: &[(&str, &str)]) -> Proxy {
        Proxy::serving_with(&self.home, &self.sim, variables)
    }

    /// A connection on which a request was sent.
    fn ask(&self) -> TcpStream {
        let mut caller = TcpStream::connect(self.settings.listen).unwrap();
        caller.set_read_timeout(Some(PATIENCE)).unwrap();
        self.ask_on(&mut caller);
        caller
    }

    fn ask_on(&self, caller: &mut TcpStream) {
        let body = json!({"model": self.settings.model}).to_string();
        let head = format!(
            "POST /v1/chat/completions HTTP/1.1\r\nHost: proxy\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        caller
            .write_all(format!("{head}{body}").as_bytes())
            .unwrap();
    }
}

/// Reads until this text, and returns everything read.
fn until(stream: &mut impl Read, said: &str) -> String {
    let mut text = String::new();
    while !text.contains(said) {
        let mut piece = [0; 4_096];
        let length = stream.read(&mut piece).unwrap();
        assert!(length > 0, "the connection ended before {said:?}: {text:?}");
        text.push_str(std::str::from_utf8(&piece[..length]).unwrap());
    }
    text
}

/// An upstream that sends a piece per signal, and ends when the sender is dropped.
fn streaming() -> (SocketAddr, Sender<&'static str>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (say, said) = mpsc::channel::<&str>();
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        until(&mut stream, "}");
        let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
        stream.write_all(head.as_bytes()).unwrap();
        for piece in said {
            let chunk = format!("{:x}\r\n{piece}\r\n", piece.len());
            stream.write_all(chunk.as_bytes()).unwrap();
        }
        stream.write_all(b"0\r\n\r\n").unwrap();
    });
    (address, say)
}

#[test]
fn stream_completes_during_proxy_shutdown() {
    let scene = Scene::new();
    let (upstream, say) = streaming();
    let upstream = format!("http://{upstream}/v1");
    let proxy = scene.serve(&[("POCPIT_INFERENCE_PROXY_UPSTREAM", &upstream)]);
    // Given a stream that has begun,
    let mut caller = scene.ask();
    say.send("data: 1\n\n").unwrap();
    let head = until(&mut caller, "data: 1");
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    assert!(head.contains("content-type: text/event-stream"), "{head}");
    // when the terminal is closed, then the proxy continues;
    proxy.signal(Signal::HUP);
    say.send("data: 2\n\n").unwrap();
    until(&mut caller, "data: 2");
    // and when it is terminated, then it accepts no new connection,
    proxy.signal(Signal::TERM);
    crate::command_line::proxy::until("the listener's end", || {
        TcpStream::connect(scene.settings.listen).is_err()
    });
    // but the stream continues to its end, longer than an idle connection would stay open.
    std::thread::sleep(Duration::from_secs(3));
    say.send("data: 3\n\n").unwrap();
    until(&mut caller, "data: 3");
    drop(say);
    until(&mut caller, "0\r\n\r\n");
    assert_eq!(proxy.code(), Some(0));
}

/// An HTTP proxy, set by the environment, that tunnels to an upstream with TLS. The channel receives the
/// target of each tunnel and the head of each request.
fn behind_a_tunnel() -> (SocketAddr, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (tell, told) = mpsc::channel();
    let place = Path::new(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/e2e/command_line/tls"
    ));
    let chain = vec![CertificateDer::from_pem_file(place.join("upstream.pem")).unwrap()];
    let key = PrivateKeyDer::from_pem_file(place.join("upstream.key")).unwrap();
    let _ = rustls::crypto::ring::default_provider().install_default();
    let config = ServerConfig::builder().with_no_client_auth();
    let config = Arc::new(config.with_single_cert(chain, key).unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            tell.send(until(&mut stream, "\r\n\r\n")).unwrap();
            stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
            let session = ServerConnection::new(Arc::clone(&config)).unwrap();
            let mut stream = StreamOwned::new(session, stream);
            // A client that does not trust the certificate disconnects.
            while let Some(head) = next_request(&mut stream) {
                tell.send(head).unwrap();
                let answer = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}";
                stream.write_all(answer.as_bytes()).unwrap();
            }
        }
    });
    (address, told)
}

fn next_request(stream: &mut impl Read) -> Option<String> {
    let mut text = String::new();
    while !text.ends_with('}') {
        let mut piece = [0; 4_096];
        let length = stream.read(&mut piece).ok().filter(|length| *length > 0)?;
        text.push_str(std::str::from_utf8(&piece[..length]).unwrap());
    }
    Some(text)
}

#[test]
fn tls_upstream_through_environment_proxy() {
    let authority = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/e2e/command_line/tls/authority.pem"
    );
    let (tunnel, told) = behind_a_tunnel();
    let tunnel = format!("http://someone:secret@{tunnel}");
    let told = || told.recv_timeout(PATIENCE).unwrap();
    let upstream = (
        "POCPIT_INFERENCE_PROXY_UPSTREAM",
        "https://upstream.test/v1",
    );
    let through = ("HTTPS_PROXY", tunnel.as_str());
    let scene = Scene::new();
    // Given that the upstream's certificate authority is trusted,
    let proxy = scene.serve(&[upstream, through, ("SSL_CERT_FILE", authority)]);
    // when one caller sends three requests,
    let mut caller = scene.ask();
    until(&mut caller, "{}");
    for _ in 1..3 {
        scene.ask_on(&mut caller);
        let answer = until(&mut caller, "{}");
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
    // then the tunnel is made once,
    let connect = told();
    let first = "CONNECT upstream.test:443 HTTP/1.1";
    assert!(connect.starts_with(first), "{connect}");
    // By `printf someone:secret | base64`.
    assert!(connect.contains("Basic c29tZW9uZTpzZWNyZXQ="), "{connect}");
    // and each request is addressed to the upstream.
    for _ in 0..3 {
        let asked = told();
        let first = "POST /v1/chat/completions HTTP/1.1";
        assert!(asked.starts_with(first), "{asked}");
        assert!(asked.contains("host: upstream.test"), "{asked}");
        assert!(!asked.contains("Basic"), "{asked}");
        let (_, body) = asked.split_once("\r\n\r\n").unwrap();
        let body: Value = serde_json::from_str(body).unwrap();
        assert_eq!(body["model"], scene.settings.upstream.model);
    }
    drop(proxy);
    // Given that it is not trusted, then no request is sent to it.
    let _proxy = scene.serve(&[upstream, through]);
    let answer = until(&mut scene.ask(), "cannot reach the upstream");
    assert!(answer.starts_with("HTTP/1.1 502"), "{answer}");
    assert!(told().starts_with("CONNECT"));
}
