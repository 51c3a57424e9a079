//! Runs the operator's program for each notice: without a shell, the notice as JSON on stdin, level and
//! title in the environment, and none of our keys.

use std::process::Stdio;
use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

use super::delivery_error::{DeliveryError, FailureKind};
use super::hints;
use super::notice::Notice;
use crate::config;
use crate::domain::ForeignText;

const TIMEOUT: Duration = Duration::from_secs(30);
/// Characters of its stderr in the error.
const MAX_STDERR: usize = 200;

pub(super) async fn run(words: &[String], notice: &Notice) -> Result<(), DeliveryError> {
    let later = |why: String| DeliveryError {
        why,
        hint: hints::COMMAND_HINT.to_owned(),
        kind: FailureKind::Transient,
    };
    let Some((program, arguments)) = words.split_first() else {
        return Err(later("notify.command is empty".into()));
    };
    let run = async {
        let mut command = Command::new(program);
        for secret in config::secret_variables() {
            command.env_remove(secret);
        }
        let mut child = command
            .args(arguments)
            .env("POCPIT_LEVEL", notice.level.word())
            .env("POCPIT_TITLE", &notice.title)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        if let Some(mut input) = child.stdin.take() {
            let json = serde_json::to_vec(notice)?;
            // The program may not read it.
            let _ = input.write_all(&json).await;
        }
        child.wait_with_output().await
    };
    let output = match tokio::time::timeout(TIMEOUT, run).await {
        Ok(Ok(output)) => output,
        Ok(Err(error)) => return Err(later(format!("cannot run {program}: {error}"))),
        Err(_) => {
            let seconds = TIMEOUT.as_secs();
            return Err(later(format!("{program} did not exit within {seconds} s")));
        }
    };
    if output.status.success() {
        return Ok(());
    }
    let stderr = String::from_utf8_lossy(&output.stderr);
    let stderr = ForeignText(&stderr).line(MAX_STDERR);
    let why = if stderr.is_empty() {
        "it gave no reason"
    } else {
        stderr.as_str()
    };
    Err(later(format!(
        "{program} exited with {}: {why}",
        output.status
    )))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notify::notice::NoticeLevel::Warning;
    use crate::notify::tests;

    fn notice() -> Notice {
        tests::notice(Warning, "it's \"odd\"; rm -rf")
    }

    async fn shell(script: String) -> Result<(), DeliveryError> {
        run(&["sh".into(), "-c".into(), script], &notice()).await
    }

    #[tokio::test]
    async fn program_gets_notice_as_json_and_environment() {
        let scratch = tempfile::tempdir().unwrap();
        let file = scratch.path().join("received");
        let script = format!(
            "{{ cat; echo; echo \"$POCPIT_LEVEL $POCPIT_TITLE\"; }} > {}",
            file.display()
        );
        shell(script).await.unwrap();
        let received = std::fs::read_to_string(file).unwrap();
        let (json, short) = received.split_once('\n').unwrap();
        let json: Notice = serde_json::from_str(json).unwrap();
        assert_eq!(json, notice());
        assert_eq!(short, "WARNING it's \"odd\"; rm -rf\n");
    }

    #[tokio::test]
    async fn failed_or_missing_program_is_retried() {
        let failed = shell("echo no network >&2; exit 3".into())
            .await
            .unwrap_err();
        assert_eq!(failed.why, "sh exited with exit status: 3: no network");
        assert_eq!(failed.kind, FailureKind::Transient);
        let silent = shell("exit 4".into()).await.unwrap_err().why;
        assert!(silent.ends_with("4: it gave no reason"), "{silent}");
        let missing = run(&["/nonexistent/tell".into()], &notice()).await;
        let why = missing.unwrap_err().why;
        assert!(why.contains("cannot run /nonexistent/tell"), "{why}");
        // A program need not read its input.
        shell("exit 0".into()).await.unwrap();
    }
}
