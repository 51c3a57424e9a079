//! Connects to rentals.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use async_trait::async_trait;
use openssh::{ControlPersist, KnownHosts, Session, SessionBuilder};
use tokio::sync::oneshot;

use super::control::ControlDirectory;
use super::session::OpenSshSession;
use super::tunnel::Tunnels;
use super::{failure, keys, options, shell};
use crate::config::SshConfig;
use crate::domain::{InstanceId, SshEndpoint};
use crate::ports::{LinkError, Remote, RemoteSession};

/// A master without clients ends by itself, so that a killed cockpit leaves nothing behind for long.
const MASTER_OUTLIVES_US: ControlPersist = match std::num::NonZeroUsize::new(120) {
    Some(seconds) => ControlPersist::IdleFor(seconds),
    None => ControlPersist::Forever,
};

/// SSH with the installed OpenSSH client.
#[derive(Debug)]
pub struct OpenSshRemote {
    config: SshConfig,
    control: Arc<ControlDirectory>,
    tunnels: Arc<Tunnels>,
    public_key: String,
}

impl OpenSshRemote {
    /// Checks the key and the client, and creates the directory for control sockets.
    pub fn new(config: &SshConfig, runtime_dir: &Path) -> Result<OpenSshRemote, LinkError> {
        require_ssh()?;
        keys::check_private(&config.key_file)?;
        let session_config = options::session_config(&config.key_file)?;
        let remote = OpenSshRemote {
            config: config.clone(),
            control: Arc::new(ControlDirectory::create(runtime_dir, session_config)?),
            tunnels: Arc::default(),
            public_key: keys::public_key(&config.key_file)?,
        };
        remote.check_options()?;
        Ok(remote)
    }

    /// Asks `ssh` how it understands a session's options: a path that it reads differently would otherwise
    /// show once a rental is paid for.
    fn check_options(&self) -> Result<(), LinkError> {
        let directory = self.control.path();
        let known_hosts = self.known_hosts(InstanceId(0));
        let socket = ControlDirectory::master_socket(&directory);
        let output = Command::new("ssh")
            .args(["-G", "-F"])
            .arg(ControlDirectory::config_file(&directory))
            .arg("-S")
            .arg(&socket)
            .arg("-o")
            .arg(format!(
                "UserKnownHostsFile={}",
                options::path_word(&known_hosts)?
            ))
            .args(["-l", &self.config.user, "rental.invalid"])
            .stdin(Stdio::null())
            .output()
            .map_err(|error| LinkError::Local(format!("cannot run ssh: {error}")))?;
        if !output.status.success() {
            let why = failure::short(&String::from_utf8_lossy(&output.stderr));
            return Err(LinkError::Local(format!(
                "ssh refuses the options of a session: {why}"
            )));
        }
        let wanted = [
            ("controlpath", socket.as_path()),
            ("identityfile", &self.config.key_file),
            ("userknownhostsfile", &known_hosts),
        ];
        let printed = String::from_utf8_lossy(&output.stdout);
        options::misread(&printed, &wanted).map_or(Ok(()), |why| Err(LinkError::Local(why)))
    }

    fn known_hosts(&self, instance: InstanceId) -> PathBuf {
        shell::known_hosts(&self.config, instance)
    }

    fn builder(
        &self,
        instance: InstanceId,
        endpoint: &SshEndpoint,
        directory: &Path,
    ) -> Result<SessionBuilder, LinkError> {
        let mut builder = SessionBuilder::default();
        builder
            .user(self.config.user.clone())
            .port(endpoint.port)
            // The first key of a rental is pinned in a file for that rental only: the same address and
            // port may later belong to another.
            .known_hosts_check(KnownHosts::Add)
            .user_known_hosts_file(options::path_word(&self.known_hosts(instance))?)
            .connect_timeout(self.config.connect_timeout)
            .server_alive_interval(self.config.keepalive)
            .control_directory(directory)
            .control_persist(MASTER_OUTLIVES_US)
            .config_file(ControlDirectory::config_file(directory));
        Ok(builder)
    }
}

/// Checked beforehand: later a missing `ssh` and a vanished file are the same error.
fn require_ssh() -> Result<(), LinkError> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).any(|directory| directory.join("ssh").is_file());
    if found {
        Ok(())
    } else {
        Err(failure::missing_ssh_error())
    }
}

/// Connects in a task that is not cancelled with the caller: a cancelled connect would leave an
/// untracked master behind. If the caller is gone, the session is closed.
async fn connect_uncancelled(
    builder: SessionBuilder,
    host: String,
    control: Arc<ControlDirectory>,
) -> Result<Session, openssh::Error> {
    let (answer, connected) = oneshot::channel();
    tokio::spawn(async move {
        let result = builder.connect_mux(&host).await;
        if let Err(Ok(unwanted)) = answer.send(result) {
            let _ = unwanted.close().await;
        }
        drop(control);
    });
    connected.await.unwrap_or(Err(openssh::Error::Disconnected))
}

#[async_trait]
impl Remote for OpenSshRemote {
    async fn connect(
        &self,
        instance: InstanceId,
        endpoint: &SshEndpoint,
    ) -> Result<Box<dyn RemoteSession>, LinkError> {
        require_ssh()?;
        let sockets = Arc::clone(&self.control).ensure().await?;
        let directory = &self.config.known_hosts_dir;
        std::fs::create_dir_all(directory).map_err(|error| {
            LinkError::Local(format!(
                "the directory {} for host keys cannot be made: {error}",
                directory.display()
            ))
        })?;
        let builder = self.builder(instance, endpoint, &sockets)?;
        let session = connect_uncancelled(builder, endpoint.host.clone(), self.control.clone())
            .await
            .map_err(|error| failure::connect_error(endpoint, &sockets, &error))?;
        Ok(Box::new(OpenSshSession::new(
            session,
            self.control.clone(),
            instance,
            self.tunnels.clone(),
        )))
    }

    fn public_key(&self) -> &str {
        &self.public_key
    }

    async fn close_tunnel(&self, instance: InstanceId) {
        self.tunnels.close(instance);
    }

    async fn forget_host_key(&self, instance: InstanceId) {
        let file = self.known_hosts(instance);
        if std::fs::symlink_metadata(&file).is_ok_and(|data| data.is_file()) {
            // The next rental has another id, so a file that stays does no harm.
            let _ = std::fs::remove_file(file);
        }
    }
}
