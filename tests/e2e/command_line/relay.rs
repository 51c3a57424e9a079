//! A relay between the program and a service, which can answer in its place.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// What a relay does with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mood {
    /// Forwards it to the service.
    Honest,
    /// Answers with success and an empty object.
    Senseless,
    /// Answers as a chain node that does not have every block yet.
    CatchingUp,
}

impl Mood {
    /// What it answers in the service's place.
    fn answer(self) -> Option<&'static str> {
        match self {
            Mood::Honest => None,
            Mood::Senseless => Some("{}"),
            Mood::CatchingUp => Some(
                r#"{"result":{"sync_info":{"latest_block_height":"5000000","latest_block_time":"2026-01-01T00:00:00.5Z","catching_up":true}}}"#,
            ),
        }
    }
}

/// Connections are copied byte by byte; a new mode ends those of the old one.
pub struct Relay {
    address: SocketAddr,
    shared: Arc<Mutex<Shared>>,
}

struct Shared {
    mood: Mood,
    carried: Vec<TcpStream>,
}

impl Relay {
    /// One that forwards.
    pub fn to(service: SocketAddr) -> Relay {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Mutex::new(Shared {
            mood: Mood::Honest,
            carried: Vec::new(),
        }));
        let relay = Relay {
            address,
            shared: shared.clone(),
        };
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let mut shared = shared.lock().unwrap();
                match shared.mood.answer() {
                    None => shared.carried.extend(carry(client, service)),
                    Some(body) => {
                        std::thread::spawn(move || answer(client, body));
                    }
                }
            }
        });
        relay
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn turn(&self, mood: Mood) {
        let mut shared = self.shared.lock().unwrap();
        shared.mood = mood;
        for stream in shared.carried.drain(..) {
            // It may have ended already.
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

/// Copies both ways; the streams end when one of them does.
fn carry(client: TcpStream, service: SocketAddr) -> Option<TcpStream> {
    let upstream = TcpStream::connect(service).ok()?;
    let kept = client.try_clone().ok()?;
    let both = [
        (client.try_clone().ok()?, upstream.try_clone().ok()?),
        (upstream, client),
    ];
    for (mut from, mut to) in both {
        std::thread::spawn(move || {
            let _ = std::io::copy(&mut from, &mut to);
            let _ = from.shutdown(Shutdown::Both);
            let _ = to.shutdown(Shutdown::Both);
        });
    }
    Some(kept)
}

fn answer(mut client: TcpStream, body: &str) {
    // A request fits into one read; the rest does not matter here.
    let _ = client.read(&mut [0; 16 * 1024]);
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close";
    let length = body.len();
    let _ = write!(client, "{head}\r\ncontent-length: {length}\r\n\r\n{body}");
}
