//! The WebSocket of a node's RPC: a subscription to new blocks.

use std::io;

use axum::body::Body;
use futures_util::stream::BoxStream;
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

pub(in crate::world) fn is_upgrade(request: &Request<Incoming>) -> bool {
    request.uri().path() == "/websocket" && request.headers().contains_key(UPGRADE)
}

/// Switches protocols and serves the subscription until the connection ends.
pub(in crate::world) fn open(
    headers: BoxStream<'static, Value>,
    mut request: Request<Incoming>,
) -> io::Result<Response<Body>> {
    let key = request.headers().get(SEC_WEBSOCKET_KEY);
    let accept = key.map(|key| derive_accept_key(key.as_bytes()));
    let upgraded = hyper::upgrade::on(&mut request);
    tokio::spawn(async move {
        // A subscriber may disconnect at any time.
        let _ = serve(headers, upgraded).await;
    });
    Response::builder()
        .status(StatusCode::SWITCHING_PROTOCOLS)
        .header(CONNECTION, "Upgrade")
        .header(UPGRADE, "websocket")
        .header(SEC_WEBSOCKET_ACCEPT, accept.unwrap_or_default())
        .body(Body::empty())
        .map_err(io::Error::other)
}

async fn serve(mut headers: BoxStream<'static, Value>, upgraded: OnUpgrade) -> Result<(), Error> {
    let stream = upgraded.await.map_err(io::Error::other)?;
    let stream = TokioIo::new(stream);
    let mut socket = WebSocketStream::from_raw_socket(stream, Role::Server, None).await;
    let Some(id) = subscription(&mut socket).await? else {
        return Ok(());
    };
    let answer = json!({"jsonrpc": "2.0", "id": id, "result": {}});
    socket.send(Message::text(answer.to_string())).await?;
    loop {
        tokio::select! {
            message = socket.next() => match message {
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(error),
                None => return Ok(()),
            },
            Some(header) = headers.next() => {
                let value = json!({"header": header});
                let data = json!({"type": "tendermint/event/NewBlockHeader", "value": value});
                let result = json!({"query": QUERY, "data": data});
                let event = json!({"jsonrpc": "2.0", "id": id, "result": result});
                socket.send(Message::text(event.to_string())).await?;
            }
        }
    }
}

const QUERY: &str = "tm.event='NewBlockHeader'";

/// The id of the first valid subscription; `None` when the subscriber disconnects first.
async fn subscription<S>(socket: &mut WebSocketStream<S>) -> Result<Option<Value>, Error>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    while let Some(message) = socket.next().await {
        let Message::Text(text) = message? else {
            continue;
        };
        let request: Value = serde_json::from_str(&text).unwrap_or_default();
        if request["method"] == "subscribe" && request["params"]["query"] == QUERY {
            return Ok(Some(request["id"].clone()));
        }
        let error = json!({"code": -32602, "message": "Invalid params"});
        let answer = json!({"jsonrpc": "2.0", "id": request["id"], "error": error});
        socket.send(Message::text(answer.to_string())).await?;
    }
    Ok(None)
}
