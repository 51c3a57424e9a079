//! The end of the proxy.

use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::stalls::{IN_TIME, raw_caller, send_raw};
use super::*;

/// Reads to the end of the connection.
async fn read_to_end(mut caller: TcpStream) -> String {
    let mut text = String::new();
    let read = timeout(IN_TIME, caller.read_to_string(&mut text)).await;
    read.expect("the connection is closed").unwrap();
    text
}

#[tokio::test]
async fn requests_before_shutdown_are_answered() {
    let served = proxy(&echoing().await, 100, LONG).await;
    // Given an idle connection, and many that have just sent a request,
    let mut idle = raw_caller(&served.base).await;
    let mut first = vec![0; 4_096];
    let length = idle.read(&mut first).await.unwrap();
    assert!(first[..length].starts_with(b"HTTP/1.1 200"));
    let mut callers = Vec::new();
    for _ in 0..40 {
        callers.push(raw_caller(&served.base).await);
    }
    // when the shutdown begins, and the idle one sends another request,
    served.stop.send(()).unwrap();
    send_raw(&mut idle).await;
    callers.push(idle);
    // then all are answered and closed.
    for caller in callers {
        let answer = read_to_end(caller).await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer:?}");
        assert!(answer.contains("their-model"), "{answer:?}");
    }
    let ended = timeout(IN_TIME, served.task).await;
    ended.unwrap().unwrap().unwrap();
}

#[tokio::test]
async fn hurry_cuts_off_replies_in_flight() {
    let up = silent().await;
    let scratch = tempfile::tempdir().unwrap();
    let file = scratch.path().join(STATE_FILE);
    let (listener, base) = listen().await;
    let (hurry, hurried) = oneshot::channel::<()>();
    let config = config(&up, 1, LONG);
    let mut served = tokio::spawn(async move {
        let hurried = async {
            let _ = hurried.await;
        };
        serve_on(listener, &config, &file, std::future::ready(()), hurried).await
    });
    let caller = raw_caller(&base).await;
    let waits = timeout(Duration::from_millis(1_500), &mut served).await;
    assert!(waits.is_err(), "it waits for replies in flight");
    hurry.send(()).unwrap();
    timeout(IN_TIME, served).await.unwrap().unwrap().unwrap();
    assert_eq!(read_to_end(caller).await, "");
}
