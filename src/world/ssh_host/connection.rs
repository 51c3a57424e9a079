//! One connection: authentication, channels and forwards.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use russh::server::{
    Auth, ChannelOpenHandle, Handle, Handler, Msg, PublicKeyOffer, Session, VerifiedPublicKey,
};
use russh::{Channel, ChannelId, ChannelOpenFailure};
use tokio::io::DuplexStream;
use tokio_util::sync::CancellationToken;

use super::forwards::{ForwardOwner, Forwards};
use super::{Dialer, Machine, exec};

const PIPE: usize = 64 * 1024;

/// The server's side of one connection.
pub(super) struct Connection {
    machine: Arc<dyn Machine>,
    forwards: Arc<Forwards>,
    number: u64,
    cut: CancellationToken,
}

impl Connection {
    pub(super) fn new(
        machine: Arc<dyn Machine>,
        forwards: Arc<Forwards>,
        cut: CancellationToken,
    ) -> Connection {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        Connection {
            machine,
            forwards,
            number: COUNT.fetch_add(1, Ordering::Relaxed),
            cut,
        }
    }

    fn authenticate(&self, key: &russh::keys::PublicKey) -> Auth {
        let text = key.to_openssh().unwrap_or_default();
        let plain: Vec<&str> = text.split(' ').take(2).collect();
        if self.machine.authorizes(&plain.join(" ")) {
            Auth::Accept
        } else {
            Auth::reject()
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        for port in self.forwards.of(self.number) {
            self.machine.offer_forward(port, None);
            self.forwards.release(port, self.number);
        }
    }
}

impl Handler for Connection {
    type Error = russh::Error;

    async fn auth_publickey_offered(
        &mut self,
        _user: &str,
        offer: PublicKeyOffer<'_>,
    ) -> Result<Auth, russh::Error> {
        Ok(self.authenticate(offer.public_key))
    }

    async fn auth_publickey(
        &mut self,
        _user: &str,
        key: VerifiedPublicKey<'_>,
    ) -> Result<Auth, russh::Error> {
        Ok(self.authenticate(key.public_key))
    }

    async fn channel_open_session(
        &mut self,
        channel: Channel<Msg>,
        reply: ChannelOpenHandle,
        _session: &mut Session,
    ) -> Result<(), russh::Error> {
        reply.accept().await;
        let (machine, forwards) = (self.machine.clone(), self.forwards.clone());
        tokio::spawn(exec::serve(channel, machine, forwards));
        Ok(())
    }

    async fn exec_request(
        &mut self,
        channel: ChannelId,
        _data: &[u8],
        session: &mut Session,
    ) -> Result<(), russh::Error> {
        session.channel_success(channel)
    }

    async fn shell_request(
        &mut self,
        channel: ChannelId,
        session: &mut Session,
    ) -> Result<(), russh::Error> {
        session.channel_success(channel)
    }

    async fn pty_request(
        &mut self,
        channel: ChannelId,
        _term: &str,
        _columns: u32,
        _rows: u32,
        _pixel_width: u32,
        _pixel_height: u32,
        _modes: &[(russh::Pty, u32)],
        session: &mut Session,
    ) -> Result<(), russh::Error> {
        session.channel_success(channel)
    }

    async fn channel_open_direct_tcpip(
        &mut self,
        channel: Channel<Msg>,
        host: &str,
        port: u32,
        _originator: &str,
        _originator_port: u32,
        reply: ChannelOpenHandle,
        _session: &mut Session,
    ) -> Result<(), russh::Error> {
        let is_itself = matches!(host, "127.0.0.1" | "localhost" | "::1");
        let port = u16::try_from(port).ok().filter(|_| is_itself);
        let Some(inside) = port.and_then(|port| self.machine.dial(port)) else {
            reply.reject(ChannelOpenFailure::ConnectFailed).await;
            return Ok(());
        };
        reply.accept().await;
        tokio::spawn(copy(channel, inside));
        Ok(())
    }

    async fn tcpip_forward(
        &mut self,
        address: &str,
        port: &mut u32,
        session: &mut Session,
    ) -> Result<bool, russh::Error> {
        if !self.machine.allows_remote_forwards() {
            return Ok(false);
        }
        let wanted = u16::try_from(*port).unwrap_or(0);
        let owner = ForwardOwner {
            connection: self.number,
            cut: self.cut.clone(),
        };
        let Some(taken) = self.forwards.claim(wanted, owner) else {
            return Ok(false);
        };
        *port = u32::from(taken);
        let dialer = dialer(session.handle(), address.to_owned(), *port);
        self.machine.offer_forward(taken, Some(dialer));
        Ok(true)
    }

    async fn cancel_tcpip_forward(
        &mut self,
        _address: &str,
        port: u32,
        _session: &mut Session,
    ) -> Result<bool, russh::Error> {
        let Ok(port) = u16::try_from(port) else {
            return Ok(false);
        };
        let ours = self.forwards.release(port, self.number);
        if ours {
            self.machine.offer_forward(port, None);
        }
        Ok(ours)
    }
}

async fn copy(channel: Channel<Msg>, mut inside: DuplexStream) {
    // Both ends handle their own errors.
    let _ = tokio::io::copy_bidirectional(&mut channel.into_stream(), &mut inside).await;
}

/// Connects to a forwarded port, out to the client.
fn dialer(session: Handle, address: String, port: u32) -> Dialer {
    Arc::new(move || {
        let (session, address) = (session.clone(), address.clone());
        Box::pin(async move {
            let channel = session
                .channel_open_forwarded_tcpip(address, port, "127.0.0.1", 0)
                .await
                .ok()?;
            let (ours, theirs) = tokio::io::duplex(PIPE);
            tokio::spawn(copy(channel, theirs));
            Some(ours)
        })
    })
}
