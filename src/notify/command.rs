//! A program of the operator's that is run for each notice: no shell, the notice as JSON on its
//! standard input, and in short in its environment.

use std::process::Stdio;
use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

use super::channel::{Again, NotDelivered};
use super::{Notice, remedy};

const LONGEST: Duration = Duration::from_secs(30);
/// Characters of its complaint that are repeated.
const SHOWN: usize = 200;

pub(super) async fn run(words: &[String], notice: &Notice) -> Result<(), NotDelivered> {
    let later = |why: String| NotDelivered {
        why,
        remedy: remedy::OF_COMMAND.to_owned(),
        again: Again::Later,
    };
    let Some((program, arguments)) = words.split_first() else {
        return Err(later("notify.command is empty".into()));
    };
    let work = async {
        let mut child = Command::new(program)
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
            // A program may do without it.
            let _ = input.write_all(&json).await;
        }
        child.wait_with_output().await
    };
    let output = match tokio::time::timeout(LONGEST, work).await {
        Ok(Ok(output)) => output,
        Ok(Err(error)) => return Err(later(format!("{program} cannot be run: {error}"))),
        Err(_) => {
            let seconds = LONGEST.as_secs();
            return Err(later(format!("{program} did not end within {seconds} s")));
        }
    };
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let said: String = said.trim().chars().take(SHOWN).collect();
    Err(later(format!(
        "{program} ended with {}: {said}",
        output.status
    )))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notify::NoticeLevel;

    fn notice() -> Notice {
        Notice {
            level: NoticeLevel::Warning,
            title: "it's \"odd\"; rm -rf".into(),
            body: "look".into(),
            at: chrono::DateTime::UNIX_EPOCH,
        }
    }

    async fn shell(script: String) -> Result<(), NotDelivered> {
        run(&["sh".into(), "-c".into(), script], &notice()).await
    }

    #[tokio::test]
    async fn the_program_has_the_notice_on_its_input_and_in_its_environment() {
        let scratch = tempfile::tempdir().unwrap();
        let file = scratch.path().join("told");
        let script = format!(
            "{{ cat; echo; echo \"$POCPIT_LEVEL $POCPIT_TITLE\"; }} > {}",
            file.display()
        );
        shell(script).await.unwrap();
        let told = std::fs::read_to_string(file).unwrap();
        let (json, short) = told.split_once('\n').unwrap();
        let json: Notice = serde_json::from_str(json).unwrap();
        assert_eq!(json, notice());
        assert_eq!(short, "WARNING it's \"odd\"; rm -rf\n");
    }

    #[tokio::test]
    async fn one_that_fails_or_is_not_there_is_told_and_tried_again() {
        let failed = shell("echo no network >&2; exit 3".into())
            .await
            .unwrap_err();
        assert_eq!(failed.why, "sh ended with exit status: 3: no network");
        assert_eq!(failed.again, Again::Later);
        let missing = run(&["/nonexistent/tell".into()], &notice()).await;
        assert!(
            missing
                .unwrap_err()
                .why
                .contains("/nonexistent/tell cannot be run")
        );
        // One that does not read is as well.
        shell("exit 0".into()).await.unwrap();
    }
}
