//! One SSH session.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use openssh::{Session, Stdio};
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::control::ControlDirectory;
use super::tunnel::{ActiveLink, Tunnels};
use super::{failure, log_tail, tunnel};
use crate::domain::InstanceId;
use crate::ports::{
    CallbackForward, CommandOutput, LinkError, LogPosition, RemoteSession, TailChunk, TunnelEnds,
    TunnelSpec, TunnelTraffic,
};

const RUN_TIMEOUT: Duration = Duration::from_secs(30);
const CHECK_TIMEOUT: Duration = Duration::from_secs(10);
const CLOSE_TIMEOUT: Duration = Duration::from_secs(3);
const MAX_OUTPUT: usize = 64 * 1024;
/// Chunks between the reader and a slow consumer; beyond, SSH's window throttles the rental.
const TAIL_CHUNKS: usize = 16;

pub(super) struct OpenSshSession {
    /// `None` once closed.
    session: Option<Arc<Session>>,
    control: Arc<ControlDirectory>,
    stop: CancellationToken,
    tasks: Mutex<JoinSet<()>>,
    instance: InstanceId,
    tunnels: Arc<Tunnels>,
    routes: Mutex<Vec<ActiveLink>>,
}

impl OpenSshSession {
    pub(super) fn new(
        session: Session,
        control: Arc<ControlDirectory>,
        instance: InstanceId,
        tunnels: Arc<Tunnels>,
    ) -> OpenSshSession {
        OpenSshSession {
            session: Some(Arc::new(session)),
            control,
            stop: CancellationToken::new(),
            tasks: Mutex::new(JoinSet::new()),
            instance,
            tunnels,
            routes: Mutex::default(),
        }
    }

    fn session(&self) -> Result<&Arc<Session>, LinkError> {
        self.session
            .as_ref()
            .ok_or_else(|| LinkError::Lost("it was closed".into()))
    }

    fn routes(&self) -> MutexGuard<'_, Vec<ActiveLink>> {
        self.routes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        let stop = self.stop.clone();
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        tasks.spawn(async move {
            stop.run_until_cancelled(work).await;
        });
    }
}

#[async_trait]
impl RemoteSession for OpenSshSession {
    async fn run(&self, command: &str) -> Result<CommandOutput, LinkError> {
        let work = async {
            let mut command = self.session()?.raw_command(command);
            command.stdin(Stdio::null());
            command.stdout(Stdio::piped()).stderr(Stdio::piped());
            let child = command.spawn().await;
            let mut child = child.map_err(|error| failure::session_error(&error))?;
            let (stdout, stderr) = (child.stdout().take(), child.stderr().take());
            let (stdout, stderr) = tokio::join!(read_capped(stdout), read_capped(stderr));
            let status = child.wait().await;
            let status = status.map_err(|error| failure::session_error(&error))?;
            Ok(CommandOutput {
                status: status.code(),
                stdout,
                stderr,
            })
        };
        let in_time = tokio::time::timeout(RUN_TIMEOUT, work).await;
        in_time.unwrap_or_else(|_| {
            let seconds = RUN_TIMEOUT.as_secs();
            Err(LinkError::Lost(format!(
                "a command did not end within {seconds} s"
            )))
        })
    }

    async fn tail(
        &self,
        path: &str,
        from: &LogPosition,
    ) -> Result<mpsc::Receiver<TailChunk>, LinkError> {
        let session = Arc::clone(self.session()?);
        let mut command = session.arc_raw_command(log_tail::command(path, from));
        command.stdin(Stdio::piped());
        command.stdout(Stdio::piped()).stderr(Stdio::null());
        let child = command.spawn().await;
        let mut child = child.map_err(|error| failure::session_error(&error))?;
        let (sender, receiver) = mpsc::channel(TAIL_CHUNKS);
        let (guard, output) = (child.stdin().take(), child.stdout().take());
        let begin = from.offset;
        self.spawn(async move {
            if let Some(output) = output {
                log_tail::enlarge_pipe(&output);
                log_tail::forward(output, begin, &sender).await;
            }
            // Closing its stdin ends the remote script.
            drop(guard);
            drop(child);
        });
        Ok(receiver)
    }

    async fn open_tunnel(&self, spec: &TunnelSpec) -> Result<TunnelEnds, LinkError> {
        let tunnel = self.tunnels.of(self.instance, spec)?;
        let directory = self.control.path();
        let link = tunnel.lead(self.session()?, spec, &directory).await?;
        self.routes().push(link);
        Ok(tunnel.ends())
    }

    async fn forward_callback(&self, forward: &CallbackForward) -> Result<(), LinkError> {
        tunnel::forward_callback(self.session()?, forward).await
    }

    fn traffic(&self) -> TunnelTraffic {
        self.tunnels.traffic(self.instance)
    }

    async fn check(&self) -> Result<(), LinkError> {
        match tokio::time::timeout(CHECK_TIMEOUT, self.session()?.check()).await {
            Ok(result) => result.map_err(|error| failure::session_error(&error)),
            Err(_) => Err(LinkError::Lost(
                "the SSH client on this machine hangs".into(),
            )),
        }
    }

    async fn close(mut self: Box<Self>) {
        self.stop.cancel();
        self.routes().clear();
        let mut tasks =
            std::mem::take(&mut *self.tasks.lock().unwrap_or_else(PoisonError::into_inner));
        let ended = async { while tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(CLOSE_TIMEOUT, ended).await.is_err() {
            tasks.shutdown().await;
        }
        let Some(session) = self.session.take() else {
            return;
        };
        match Arc::try_unwrap(session) {
            Ok(session) => match tokio::time::timeout(CLOSE_TIMEOUT, session.close()).await {
                Ok(Ok(())) => {}
                // The master has already died.
                Ok(Err(error)) => tracing::debug!("{}", failure::session_error(&error)),
                Err(_) => tracing::warn!("the local SSH client hangs and ends by itself"),
            },
            Err(shared) => drop_in_background(shared),
        }
    }
}

/// For a session whose task was cancelled before it was closed. Dropping it waits for the master, so
/// that happens in the background.
impl Drop for OpenSshSession {
    fn drop(&mut self) {
        self.stop.cancel();
        if let Some(session) = self.session.take() {
            drop_in_background(session);
        }
    }
}

fn drop_in_background(session: Arc<Session>) {
    match tokio::runtime::Handle::try_current() {
        Ok(runtime) => drop(runtime.spawn_blocking(move || drop(session))),
        Err(_) => drop(session),
    }
}

/// Reads to the end but keeps only the beginning: to stop reading would block the remote command.
async fn read_capped(output: Option<impl AsyncRead + Unpin>) -> Vec<u8> {
    let Some(mut output) = output else {
        return Vec::new();
    };
    let mut kept = Vec::new();
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(count) = output.read(&mut buffer).await {
        if count == 0 {
            break;
        }
        let room = MAX_OUTPUT - kept.len();
        kept.extend_from_slice(&buffer[..count.min(room)]);
    }
    kept
}
