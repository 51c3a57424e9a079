//! A wire between the client and a host, for a link that is slow, cut or dead.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use pocpit::domain::SshEndpoint;
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Sound,
    /// Nothing comes through, and neither side notices.
    Dead,
}

#[derive(Clone)]
pub struct Wire {
    address: SocketAddr,
    state: Arc<watch::Sender<State>>,
    limit: Arc<Mutex<u64>>,
    latency: Arc<Mutex<Duration>>,
    roughness: Arc<Mutex<Option<StdRng>>>,
}

impl Wire {
    pub async fn to(host: &SshEndpoint) -> Wire {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let wire = Wire {
            address: listener.local_addr().unwrap(),
            state: Arc::new(watch::Sender::new(State::Sound)),
            limit: Arc::new(Mutex::new(u64::MAX)),
            latency: Arc::default(),
            roughness: Arc::default(),
        };
        tokio::spawn(wire.clone().accept(listener, host.port));
        wire
    }

    pub fn endpoint(&self) -> SshEndpoint {
        SshEndpoint {
            host: "127.0.0.1".into(),
            port: self.address.port(),
        }
    }

    /// The next connections are cut after so many bytes from the host, in the middle of whatever.
    pub fn cut_after(&self, bytes: u64) {
        *self.limit.lock().unwrap() = bytes;
    }

    /// Each way takes so long from now on.
    pub fn delay(&self, latency: Duration) {
        *self.latency.lock().unwrap() = latency;
    }

    /// From now on bytes come in drips, with pauses between them and a stall now and then, as over a
    /// link that loses packets: TCP sends those again, so a byte that is lost for good is a cut.
    pub fn roughen(&self, seed: u64) {
        *self.roughness.lock().unwrap() = Some(StdRng::seed_from_u64(seed));
    }

    /// How many of so many bytes come next, and after which pause.
    fn drip(&self, count: usize) -> (usize, Duration) {
        let mut roughness = self.roughness.lock().unwrap();
        let Some(chance) = roughness.as_mut() else {
            return (count, Duration::ZERO);
        };
        let pause = match chance.random_range(0..100) {
            0 => 200,
            1..20 => chance.random_range(1..10),
            _ => 0,
        };
        (chance.random_range(1..=count), Duration::from_millis(pause))
    }

    async fn pass(&self, mut bytes: &[u8], to: &mut OwnedWriteHalf) -> std::io::Result<()> {
        while !bytes.is_empty() {
            let (count, pause) = self.drip(bytes.len());
            if !pause.is_zero() {
                tokio::time::sleep(pause).await;
            }
            to.write_all(&bytes[..count]).await?;
            bytes = &bytes[count..];
        }
        Ok(())
    }

    /// From now on nothing comes through, and neither side notices.
    pub fn die(&self) {
        self.state.send_replace(State::Dead);
    }

    async fn accept(self, listener: TcpListener, port: u16) {
        while let Ok((near, _)) = listener.accept().await {
            let Ok(far) = TcpStream::connect(("127.0.0.1", port)).await else {
                continue;
            };
            near.set_nodelay(true).unwrap();
            far.set_nodelay(true).unwrap();
            tokio::spawn(self.clone().carry(near, far));
        }
    }

    async fn carry(self, near: TcpStream, far: TcpStream) {
        let limit = *self.limit.lock().unwrap();
        let (near_read, near_write) = near.into_split();
        let (far_read, far_write) = far.into_split();
        // The first end of either is the end of both.
        tokio::select! {
            () = self.copy(near_read, far_write, u64::MAX) => {}
            () = self.copy(far_read, near_write, limit) => {}
        }
    }

    async fn copy(&self, mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut limit: u64) {
        let mut state = self.state.subscribe();
        let mut buffer = vec![0; 16 * 1024];
        while limit > 0 {
            let count = from.read(&mut buffer).await.unwrap_or(0);
            if count == 0 {
                // A dead wire does not say either that an end is gone.
                let _ = state.wait_for(|state| *state == State::Sound).await;
                return;
            }
            let latency = *self.latency.lock().unwrap();
            if !latency.is_zero() {
                tokio::time::sleep(latency).await;
            }
            // A dead wire keeps what it has for ever.
            if state
                .wait_for(|state| *state == State::Sound)
                .await
                .is_err()
            {
                return;
            }
            let count = usize::try_from(limit).map_or(count, |limit| count.min(limit));
            if self.pass(&buffer[..count], &mut to).await.is_err() {
                return;
            }
            limit -= count as u64;
        }
    }
}
