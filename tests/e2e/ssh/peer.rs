//! Hosts to connect to.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use pocpit::domain::SshEndpoint;
use pocpit::world::{Dialer, Machine, SshHost};
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream};
use tokio::net::TcpStream;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// OpenSSH's server.
    Sshd,
    /// The simulated world's.
    Played,
}

pub enum Peer {
    Sshd(Sshd),
    Played { machine: Arc<Fake>, host: SshHost },
}

pub trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// At the same address, with another key. A connection of another test may have it for a moment.
async fn restarted(address: SocketAddr, machine: &Arc<Fake>) -> SshHost {
    for _ in 0..50 {
        if let Ok(host) = SshHost::start(address, 2, machine.clone()).await {
            return host;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    panic!("{address} stays in use");
}

impl Peer {
    pub async fn start(kind: Kind, public_key: &Path) -> Option<Peer> {
        let peer = match kind {
            Kind::Sshd => Peer::Sshd(Sshd::start(0).await?),
            Kind::Played => {
                let machine = Arc::new(Fake::default());
                let host =
                    SshHost::start(SocketAddr::from(([127, 0, 0, 1], 0)), 1, machine.clone())
                        .await
                        .unwrap();
                Peer::Played { machine, host }
            }
        };
        peer.learn(public_key);
        Some(peer)
    }

    /// Another host, with another key, at the same address.
    pub async fn replaced(self) -> Peer {
        match self {
            Peer::Sshd(mut old) => {
                let keys =
                    std::fs::read_to_string(old.directory.path().join("authorized")).unwrap();
                old.stop();
                let new = Sshd::start(old.port).await.unwrap();
                std::fs::write(new.directory.path().join("authorized"), keys).unwrap();
                Peer::Sshd(new)
            }
            Peer::Played { machine, host } => {
                let address = host.addr();
                host.stop().await;
                let host = restarted(address, &machine).await;
                Peer::Played { machine, host }
            }
        }
    }

    pub fn endpoint(&self) -> SshEndpoint {
        let port = match self {
            Peer::Sshd(sshd) => sshd.port,
            Peer::Played { host, .. } => host.addr().port(),
        };
        SshEndpoint {
            host: "127.0.0.1".into(),
            port,
        }
    }

    pub fn user(&self) -> String {
        match self {
            Peer::Sshd(_) => {
                let output = Command::new("id").arg("-un").output().unwrap();
                String::from_utf8(output.stdout).unwrap().trim().to_owned()
            }
            Peer::Played { .. } => "root".into(),
        }
    }

    /// Where a file of this name is on the peer.
    pub fn path(&self, name: &str) -> String {
        match self {
            Peer::Sshd(sshd) => sshd.directory.path().join(name).display().to_string(),
            Peer::Played { .. } => format!("/var/{name}"),
        }
    }

    pub fn append(&self, name: &str, bytes: &[u8]) {
        match self {
            Peer::Sshd(_) => {
                use std::io::Write as _;
                let mut file = std::fs::OpenOptions::new()
                    .append(true)
                    .create(true)
                    .open(self.path(name))
                    .unwrap();
                file.write_all(bytes).unwrap();
            }
            Peer::Played { machine, .. } => {
                let mut files = machine.files.lock().unwrap();
                files
                    .entry(self.path(name))
                    .or_default()
                    .extend_from_slice(bytes);
            }
        }
    }

    /// Begins a file anew, as a program does that opens it for writing.
    pub fn cut_off(&self, name: &str) {
        match self {
            Peer::Sshd(_) => drop(std::fs::File::create(self.path(name)).unwrap()),
            Peer::Played { machine, .. } => {
                let mut files = machine.files.lock().unwrap();
                files.insert(self.path(name), Vec::new());
            }
        }
    }

    pub fn forget_keys(&self) {
        match self {
            Peer::Sshd(sshd) => {
                std::fs::write(sshd.directory.path().join("authorized"), "").unwrap();
            }
            Peer::Played { machine, .. } => machine.key.lock().unwrap().clear(),
        }
    }

    pub fn learn(&self, public_key: &Path) {
        match self {
            Peer::Sshd(sshd) => {
                std::fs::copy(public_key, sshd.directory.path().join("authorized")).unwrap();
            }
            Peer::Played { machine, .. } => *machine.key.lock().unwrap() = plain_key(public_key),
        }
    }

    /// Ends every connection without a word to the client.
    pub fn cut_links(&self) {
        match self {
            Peer::Sshd(sshd) => sshd.kill_sessions(),
            Peer::Played { host, .. } => host.drop_connections(),
        }
    }

    /// A connection from inside the machine to one of its own ports.
    pub async fn connect_inside(&self, port: u16) -> Box<dyn Stream> {
        match self {
            Peer::Sshd(_) => Box::new(TcpStream::connect(("127.0.0.1", port)).await.unwrap()),
            Peer::Played { machine, .. } => {
                let dialer = machine
                    .forwards
                    .lock()
                    .unwrap()
                    .get(&port)
                    .cloned()
                    .expect("a forward");
                Box::new(dialer().await.expect("a connection"))
            }
        }
    }
}

/// A public key file without its comment.
pub fn plain_key(public_key: &Path) -> String {
    let key = std::fs::read_to_string(public_key).unwrap();
    let plain: Vec<&str> = key.split_whitespace().take(2).collect();
    plain.join(" ")
}

/// A machine whose ports are this computer's.
#[derive(Default)]
pub struct Fake {
    pub key: Mutex<String>,
    pub files: Mutex<BTreeMap<String, Vec<u8>>>,
    pub forwards: Mutex<BTreeMap<u16, Dialer>>,
}

impl Machine for Fake {
    fn is_up(&self) -> bool {
        true
    }

    fn authorizes(&self, key: &str) -> bool {
        *self.key.lock().unwrap() == key
    }

    fn read_file(&self, path: &str, offset: u64, max: usize) -> Option<Vec<u8>> {
        let files = self.files.lock().unwrap();
        let bytes = files.get(path)?;
        let rest = bytes.get(usize::try_from(offset).unwrap()..)?;
        Some(rest.iter().copied().take(max).collect())
    }

    fn write_file(&self, path: &str, bytes: &[u8]) {
        self.files
            .lock()
            .unwrap()
            .insert(path.into(), bytes.to_vec());
    }

    fn dial(&self, port: u16) -> Option<DuplexStream> {
        let (ours, mut theirs) = tokio::io::duplex(64 * 1024);
        tokio::spawn(async move {
            let mut target = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
            let _ = tokio::io::copy_bidirectional(&mut theirs, &mut target).await;
        });
        Some(ours)
    }

    fn offer_forward(&self, port: u16, dialer: Option<Dialer>) {
        let mut forwards = self.forwards.lock().unwrap();
        match dialer {
            Some(dialer) => drop(forwards.insert(port, dialer)),
            None => drop(forwards.remove(&port)),
        }
    }
}

pub struct Sshd {
    child: Child,
    port: u16,
    directory: tempfile::TempDir,
}

impl Sshd {
    /// Starts on this port, or on a free one for 0.
    async fn start(port: u16) -> Option<Sshd> {
        let program = Path::new("/usr/sbin/sshd");
        if !program.exists() {
            assert!(
                std::env::var_os("POCPIT_REQUIRE_SSHD").is_none(),
                "there is no {}",
                program.display()
            );
            eprintln!("skipped: there is no sshd (Debian and Ubuntu: apt install openssh-server)");
            return None;
        }
        if rustix::process::getuid().is_root() {
            // Its place for unprivileged children; made by the system's service otherwise.
            std::fs::create_dir_all("/run/sshd").unwrap();
        }
        let port = match port {
            0 => tokio::net::TcpListener::bind("127.0.0.1:0")
                .await
                .unwrap()
                .local_addr()
                .unwrap()
                .port(),
            port => port,
        };
        let directory = tempfile::tempdir().unwrap();
        let place = |name: &str| -> PathBuf { directory.path().join(name) };
        let made = Command::new("ssh-keygen")
            .args(["-q", "-t", "ed25519", "-N", "", "-f"])
            .arg(place("host"))
            .status();
        assert!(made.unwrap().success());
        let config = format!(
            "ListenAddress 127.0.0.1:{port}\nHostKey {}\nAuthorizedKeysFile {}\nPidFile none\nStrictModes no\n\
             UsePAM no\nPasswordAuthentication no\nPermitRootLogin prohibit-password\nLogLevel ERROR\n",
            place("host").display(),
            place("authorized").display(),
        );
        std::fs::write(place("config"), config).unwrap();
        std::fs::write(place("authorized"), "").unwrap();
        let child = Command::new(program)
            .args(["-D", "-e", "-f"])
            .arg(place("config"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let sshd = Sshd {
            child,
            port,
            directory,
        };
        for _ in 0..200 {
            if TcpStream::connect(("127.0.0.1", port)).await.is_ok() {
                return Some(sshd);
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        panic!("sshd does not listen on {port}");
    }

    /// Its sessions are its children.
    fn kill_sessions(&self) {
        let parent = self.child.id().to_string();
        let status = Command::new("pkill")
            .args(["-KILL", "-P", &parent])
            .status()
            .unwrap();
        assert!(status.success(), "there was a session to kill");
    }

    fn stop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        self.stop();
    }
}
