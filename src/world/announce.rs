//! New blocks, as a node's RPC announces them to whoever subscribes at its WebSocket.

use std::io;
use std::sync::Arc;

use axum::body::Body;
use futures_util::{SinkExt, StreamExt};
use hyper::body::Incoming;
use hyper::header::{CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, UPGRADE};
use hyper::upgrade::OnUpgrade;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::Role;
use tokio_tungstenite::tungstenite::{Error, Message};

use super::serve::{Shared, TICK};

/// Blocks further back than this were missed: a world that runs fast has too many.
const MOST_AT_ONCE: u64 = 20;

pub(super) fn is_asked_for(request: &Request<Incoming>) -> bool {
    request.uri().path() == "/websocket" && request.headers().contains_key(UPGRADE)
}

/// Switches protocols and serves the subscription until the connection ends.
pub(super) fn open(
    shared: Arc<Shared>,
    mut request: Request<Incoming>,
) -> io::Result<Response<Body>> {
    let key = request.headers().get(SEC_WEBSOCKET_KEY);
    let accept = key.map(|key| derive_accept_key(key.as_bytes()));
    let upgraded = hyper::upgrade::on(&mut request);
    tokio::spawn(async move {
        // A listener that goes away is no event.
        let _ = serve(shared, upgraded).await;
    });
    Response::builder()
        .status(StatusCode::SWITCHING_PROTOCOLS)
        .header(CONNECTION, "Upgrade")
        .header(UPGRADE, "websocket")
        .header(SEC_WEBSOCKET_ACCEPT, accept.unwrap_or_default())
        .body(Body::empty())
        .map_err(io::Error::other)
}

async fn serve(shared: Arc<Shared>, upgraded: OnUpgrade) -> Result<(), Error> {
    let stream = upgraded.await.map_err(io::Error::other)?;
    let stream = TokioIo::new(stream);
    let mut socket = WebSocketStream::from_raw_socket(stream, Role::Server, None).await;
    let Some(id) = subscription(&mut socket).await? else {
        return Ok(());
    };
    let answer = json!({"jsonrpc": "2.0", "id": id, "result": {}});
    socket.send(Message::text(answer.to_string())).await?;
    let mut told = shared.world().height();
    loop {
        tokio::select! {
            // Whatever else it says, or that it is gone.
            said = socket.next() => match said {
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(error),
                None => return Ok(()),
            },
            () = tokio::time::sleep(TICK) => {
                let latest = shared.world().height();
                told = told.max(latest.saturating_sub(MOST_AT_ONCE));
                while told < latest {
                    told += 1;
                    let header = shared.world().header(told);
                    let value = json!({"header": header});
                    let data = json!({"type": "tendermint/event/NewBlockHeader", "value": value});
                    let result = json!({"query": QUERY, "data": data});
                    let event = json!({"jsonrpc": "2.0", "id": id, "result": result});
                    socket.send(Message::text(event.to_string())).await?;
                }
            }
        }
    }
}

const QUERY: &str = "tm.event='NewBlockHeader'";

/// The id of the first subscription that this world knows; `None` when the listener is gone.
async fn subscription<S>(socket: &mut WebSocketStream<S>) -> Result<Option<Value>, Error>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    while let Some(said) = socket.next().await {
        let Message::Text(text) = said? else {
            continue;
        };
        let asked: Value = serde_json::from_str(&text).unwrap_or_default();
        if asked["method"] == "subscribe" && asked["params"]["query"] == QUERY {
            return Ok(Some(asked["id"].clone()));
        }
        let error = json!({"code": -32602, "message": "Invalid params"});
        let answer = json!({"jsonrpc": "2.0", "id": asked["id"], "error": error});
        socket.send(Message::text(answer.to_string())).await?;
    }
    Ok(None)
}
