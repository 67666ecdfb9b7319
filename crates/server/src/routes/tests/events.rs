//! The event socket over a real connection.

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use http::Method;
use serde_json::{Value, json};
use store_sql::testing::TestDatabase;
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::error::{ProtocolError, SubProtocolError};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{Error as Refused, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

use super::World;
use crate::routes;

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Longest wait for a frame that must come.
const PATIENCE: Duration = Duration::from_secs(10);

pub(super) async fn serve(world: &World) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let service =
        routes::router((*world.app).clone()).into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(async move { axum::serve(listener, service).await });
    address
}

async fn dial(
    address: SocketAddr,
    id: &str,
    token: &str,
    protocol: Option<&str>,
) -> Result<Socket, Refused> {
    let url = format!("ws://{address}/api/workstations/{id}/events");
    let mut request = url.into_client_request().unwrap();
    let headers = request.headers_mut();
    headers.insert("authorization", format!("Bearer {token}").parse().unwrap());
    if let Some(protocol) = protocol {
        headers.insert("sec-websocket-protocol", protocol.parse().unwrap());
    }
    tokio_tungstenite::connect_async(request)
        .await
        .map(|(socket, _)| socket)
}

fn status(refused: Result<Socket, Refused>) -> u16 {
    match refused {
        Err(Refused::Http(response)) => response.status().as_u16(),
        other => panic!("not refused over HTTP: {other:?}"),
    }
}

async fn frame(socket: &mut Socket) -> Message {
    tokio::time::timeout(PATIENCE, socket.next())
        .await
        .unwrap()
        .unwrap()
        .unwrap()
}

async fn event(socket: &mut Socket) -> Value {
    serde_json::from_str(frame(socket).await.to_text().unwrap()).unwrap()
}

// CP-224 CP-225 CP-226 CP-227; the wake-up after `ready` is decision D6's
#[tokio::test]
async fn cp_225_a_socket_is_greeted_woken_and_answered() {
    let world = World::new().await;
    let (token, _) = world.pair("ada").await;
    world.register(&token, "ws").await;
    let notebook = world.notebook("ada").await;
    let attach = || {
        let path = format!("/api/n/{notebook}/workstation-attachments");
        let world = &world;
        async move {
            world
                .as_person("ada", Method::POST, &path, json!({"workstation_id": "ws"}))
                .await
                .1["job"]["job_id"]
                .clone()
        }
    };
    let job = attach().await;
    let address = serve(&world).await;
    assert_eq!(status(dial(address, "ws", "nwc_unknown", None).await), 401);
    assert_eq!(status(dial(address, "none", &token, None).await), 404);
    let mut socket = dial(address, "ws", &token, None).await.unwrap();
    let ready = json!({
        "event": "ready", "data": {"ok": true, "connected_at": "2026-06-12T10:26:40.000Z"},
    });
    assert_eq!(event(&mut socket).await, ready);
    let pending = event(&mut socket).await;
    assert_eq!(pending["event"], "attach_jobs");
    assert_eq!(pending["data"]["job_id"], job);
    assert_eq!(pending["data"].as_object().unwrap().len(), 7);
    attach().await;
    assert_eq!(event(&mut socket).await["data"]["job_id"], job);
    socket.send(Message::text("hello")).await.unwrap();
    socket.send(Message::binary(vec![1, 2])).await.unwrap();
    socket.send(Message::text(wire::EVENTS_PING)).await.unwrap();
    assert_eq!(frame(&mut socket).await, Message::text(wire::EVENTS_PONG));
    world
        .as_person("ada", Method::DELETE, "/api/workstations/ws", Value::Null)
        .await;
    // Its job ended with it (HAZ-12), which it hears as of every job that ends.
    let ended = event(&mut socket).await;
    assert_eq!(ended["data"]["job_id"], job);
    let offline = event(&mut socket).await;
    assert_eq!(offline["data"]["reason"], "workstation deregistered");
    assert_eq!(offline["data"].as_object().unwrap().len(), 3);
}

#[tokio::test]
async fn a_job_that_a_person_or_its_room_ends_wakes_its_workstation() {
    let world = World::new().await;
    let (token, _) = world.pair("ada").await;
    world.register(&token, "ws").await;
    let address = serve(&world).await;
    let mut socket = dial(address, "ws", &token, None).await.unwrap();
    event(&mut socket).await;
    for ends_by_room in [false, true] {
        let notebook = world.notebook("ada").await;
        let path = format!("/api/n/{notebook}/workstation-attachments");
        let body = json!({"workstation_id": "ws"});
        let (_, answer) = world.as_person("ada", Method::POST, &path, body).await;
        let job = answer["job"]["job_id"].as_str().unwrap().to_owned();
        assert_eq!(event(&mut socket).await["data"]["status"], "pending");
        let expected = if ends_by_room {
            let effects = control_plane::jobs::end(world.app.catalog(), &job, None, 1).await;
            world.app.carry_out(effects.unwrap()).await;
            "completed"
        } else {
            let path = format!("/api/workstations/ws/attach-jobs/{job}");
            let body = json!({"status": "cancelled"});
            world.as_person("ada", Method::PATCH, &path, body).await;
            "cancelled"
        };
        let woken = event(&mut socket).await;
        assert_eq!(woken["data"]["job_id"], job.as_str());
        assert_eq!(woken["data"]["status"], expected);
        // What is over ends no second time.
        let again = control_plane::jobs::end(world.app.catalog(), &job, Some("late"), 2).await;
        assert_eq!(again.unwrap(), []);
    }
}

// CP-223
#[tokio::test]
async fn cp_223_nobody_and_strangers_open_nothing() {
    let world = World::new().await;
    let (token, _) = world.pair("eve").await;
    let address = serve(&world).await;
    let url = format!("ws://{address}/api/workstations/ws/events");
    let nobody = tokio_tungstenite::connect_async(url)
        .await
        .map(|(socket, _)| socket);
    assert_eq!(status(nobody), 401);
    match dial(address, "ws", &token, None).await {
        Err(Refused::Http(response)) => {
            assert_eq!(response.status(), 404);
            assert_eq!(response.headers()["retry-after"], "900");
        }
        other => panic!("not refused over HTTP: {other:?}"),
    }
}

// CP-233
#[tokio::test]
async fn cp_233_no_subprotocol_is_selected() {
    let world = World::new().await;
    let (token, _) = world.pair("ada").await;
    world.register(&token, "ws").await;
    let address = serve(&world).await;
    let offered = dial(address, "ws", &token, Some("nteract.v4")).await;
    assert!(
        matches!(
            offered,
            Err(Refused::Protocol(
                ProtocolError::SecWebSocketSubProtocolError(SubProtocolError::NoSubProtocol)
            ))
        ),
        "{offered:?}"
    );
}

#[tokio::test]
async fn revoking_a_credential_closes_its_event_socket() {
    let world = World::new().await;
    let (token, id) = world.pair("ada").await;
    world.register(&token, "ws").await;
    let address = serve(&world).await;
    let mut socket = dial(address, "ws", &token, None).await.unwrap();
    event(&mut socket).await;
    let path = format!("/api/workstations/credentials/{id}/revoke");
    world
        .as_person("ada", Method::POST, &path, Value::Null)
        .await;
    let Message::Close(Some(close)) = frame(&mut socket).await else {
        panic!("not closed")
    };
    assert_eq!(u16::from(close.code), 1008);
    assert_eq!(close.reason.as_str(), "workstation credential revoked");
}

// Nobody tells the socket: the credential's row changes, as it would by running out.
#[tokio::test]
async fn a_credential_that_ends_unheard_loses_its_event_socket_within_a_minute() {
    let world = World::new().await;
    let (token, _) = world.pair("ada").await;
    world.register(&token, "ws").await;
    let address = serve(&world).await;
    let mut socket = dial(address, "ws", &token, None).await.unwrap();
    assert_eq!(event(&mut socket).await["event"], "ready");
    let database = TestDatabase::of(&world.app.config().data).await;
    let end = "UPDATE credentials SET revoked_ms = 1";
    database.execute("catalog", end).await.unwrap();
    // The first minute may have begun before the greeting was read, or begin now.
    tokio::task::yield_now().await;
    tokio::time::pause();
    tokio::time::advance(crate::sockets::ASK_AGAIN).await;
    tokio::time::resume();
    match frame(&mut socket).await {
        Message::Close(Some(close)) => assert_eq!(close.reason.as_str(), "access revoked"),
        other => panic!("not closed: {other:?}"),
    }
}

/// The close of a socket, which ends in order behind it.
async fn close(socket: &mut Socket) -> Option<(u16, String)> {
    let close = loop {
        if let Message::Close(close) = frame(socket).await {
            break close;
        }
    };
    let rest = tokio::time::timeout(PATIENCE, socket.next()).await.unwrap();
    assert!(rest.is_none(), "{rest:?}");
    close.map(|close| (close.code.into(), close.reason.to_string()))
}

// RFC 6455, 5.5.1: a close is answered; a client that gets no answer takes it for a broken connection.
#[tokio::test]
async fn a_close_is_answered() {
    let world = World::new().await;
    let (token, _) = world.pair("ada").await;
    world.register(&token, "ws").await;
    let address = serve(&world).await;
    let mut socket = dial(address, "ws", &token, None).await.unwrap();
    assert_eq!(event(&mut socket).await["event"], "ready");
    let bye = CloseFrame {
        code: 1000.into(),
        reason: "".into(),
    };
    socket.close(Some(bye)).await.unwrap();
    assert_eq!(close(&mut socket).await, Some((1000, String::new())));
}

#[tokio::test]
async fn a_frame_that_is_too_large_ends_the_socket_with_its_reason() {
    let world = World::new().await;
    let (token, _) = world.pair("ada").await;
    world.register(&token, "ws").await;
    let address = serve(&world).await;
    let mut socket = dial(address, "ws", &token, None).await.unwrap();
    assert_eq!(event(&mut socket).await["event"], "ready");
    let large = Message::text("x".repeat(70_000));
    socket.send(large).await.unwrap();
    let told = Some((1009, "message is too large".to_owned()));
    assert_eq!(close(&mut socket).await, told);
}
