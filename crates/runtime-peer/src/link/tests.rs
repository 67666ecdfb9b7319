use std::time::{Duration, Instant};

use cloud_client::{BaseUrl, Network, RoomDial, SecretString};
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, frame::coding::CloseCode};
use tokio_tungstenite::{WebSocketStream, accept_async};
use wire::FrameType;

use super::{LinkEvent, RoomLink};
use crate::end::End;

const LIMIT: Duration = Duration::from_secs(20);

/// A room that does what a test says, connection by connection.
struct Room {
    listener: TcpListener,
    base: BaseUrl,
}

type Socket = WebSocketStream<TcpStream>;

impl Room {
    async fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let base = BaseUrl::parse(&format!("http://{address}"), false).unwrap();
        Self { listener, base }
    }

    fn link(&self) -> RoomLink {
        let token = SecretString::from("nwc_test");
        let dial = RoomDial::new(
            Network::direct(),
            self.base.clone(),
            "n",
            "runtime_peer",
            token,
        );
        RoomLink::start(move || dial.clone(), false, None)
    }

    async fn stream(&self) -> TcpStream {
        tokio::time::timeout(LIMIT, self.listener.accept())
            .await
            .unwrap()
            .unwrap()
            .0
    }

    async fn accept(&self) -> Socket {
        accept_async(self.stream().await).await.unwrap()
    }

    async fn accept_ready(&self) -> Socket {
        let mut socket = self.accept().await;
        control(
            &mut socket,
            r#"{"type":"cloud_room_ready","actor_label":"user:a/agent:x"}"#,
        )
        .await;
        socket
    }

    /// Answers one upgrade with a status.
    async fn refuse(&self, status: &str) {
        let mut stream = self.stream().await;
        let mut request = [0; 4096];
        let _ = stream.read(&mut request).await.unwrap();
        let body = r#"{"error":"no"}"#;
        let length = body.len();
        let answer = format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\n\r\n{body}");
        stream.write_all(answer.as_bytes()).await.unwrap();
    }

    async fn nobody_dials(&self) {
        let dialled = tokio::time::timeout(Duration::from_millis(1500), self.listener.accept());
        assert!(dialled.await.is_err(), "the link dialled again");
    }
}

async fn send(socket: &mut Socket, frame: FrameType, payload: &[u8]) {
    let bytes = [&[frame.byte()], payload].concat();
    socket.send(Message::Binary(bytes.into())).await.unwrap();
}

async fn control(socket: &mut Socket, json: &str) {
    send(socket, FrameType::SessionControl, json.as_bytes()).await;
}

async fn close(mut socket: Socket, reason: &str) {
    let code = CloseCode::Policy;
    let frame = CloseFrame {
        code,
        reason: reason.to_owned().into(),
    };
    socket.close(Some(frame)).await.unwrap();
    // The link may be gone before it has answered.
    let _ = tokio::time::timeout(Duration::from_secs(2), socket.next()).await;
}

async fn next(link: &mut RoomLink) -> LinkEvent {
    tokio::time::timeout(LIMIT, link.events.recv())
        .await
        .unwrap()
        .unwrap()
}

fn up(connection: u64) -> LinkEvent {
    LinkEvent::Up {
        connection,
        principal: "user:a".to_owned(),
        is_ours: false,
    }
}

// WS-273 WS-274 WS-277 RP-032 RP-057
#[tokio::test]
async fn ready_needs_a_principal_and_frames_before_it_come_after_it() {
    let room = Room::open().await;
    let mut link = room.link();
    let mut socket = room.accept().await;
    send(&mut socket, FrameType::RuntimeStateSync, b"one").await;
    control(
        &mut socket,
        r#"{"type":"cloud_room_ready","actor_label":"/x"}"#,
    )
    .await;
    control(&mut socket, r#"{"type":"something_new"}"#).await;
    socket
        .send(Message::Binary(vec![0xee, 1].into()))
        .await
        .unwrap();
    socket
        .send(Message::Binary(Vec::new().into()))
        .await
        .unwrap();
    send(&mut socket, FrameType::CommsDocSync, b"two").await;
    control(
        &mut socket,
        r#"{"type":"cloud_room_ready","actor_label":"user:a/agent:x"}"#,
    )
    .await;
    send(&mut socket, FrameType::RuntimeStateSync, b"three").await;
    assert_eq!(next(&mut link).await, up(1));
    for bytes in [&b"\x05one"[..], b"\x09two", b"\x05three"] {
        let frame = LinkEvent::Frame {
            connection: 1,
            bytes: bytes.into(),
        };
        assert_eq!(next(&mut link).await, frame);
    }
    link.send(1, b"\x05mine".to_vec());
    link.send(7, b"\x05of another connection".to_vec());
    link.send(1, b"\x05last".to_vec());
    let mut heard = Vec::new();
    while heard.len() < 2 {
        if let Message::Binary(bytes) = socket.next().await.unwrap().unwrap() {
            heard.push(bytes);
        }
    }
    assert_eq!(heard, [&b"\x05mine"[..], b"\x05last"]);
    let closing = tokio::spawn(link.close());
    let closed = async {
        while let Some(Ok(message)) = socket.next().await {
            if message.is_close() {
                return true;
            }
        }
        false
    };
    // WS-370
    assert!(
        tokio::time::timeout(LIMIT, closed).await.unwrap(),
        "no close frame"
    );
    closing.await.unwrap();
}

// WS-350 WS-355 WS-358 RP-254
#[tokio::test]
async fn a_close_that_is_not_final_is_followed_by_another_dial_but_not_too_soon() {
    let room = Room::open().await;
    let mut link = room.link();
    close(room.accept_ready().await, "").await;
    assert_eq!(next(&mut link).await, up(1));
    assert!(matches!(
        next(&mut link).await,
        LinkEvent::Down { connection: 1, .. }
    ));
    let socket = room.accept_ready().await;
    assert_eq!(next(&mut link).await, up(2));
    let started = Instant::now();
    close(socket, "runtime state repair").await;
    assert!(matches!(
        next(&mut link).await,
        LinkEvent::Down { connection: 2, .. }
    ));
    let socket = room.accept_ready().await;
    assert!(
        started.elapsed() >= Duration::from_millis(900),
        "{:?}",
        started.elapsed()
    );
    assert_eq!(next(&mut link).await, up(3));
    drop(socket);
    assert!(matches!(
        next(&mut link).await,
        LinkEvent::Down { connection: 3, .. }
    ));
}

// WS-356 WS-357 WS-367 WS-378
#[tokio::test]
async fn a_final_close_ends_the_link() {
    for (reason, code) in [
        ("too many rejected frames", 1),
        ("replaced by newer runtime peer", 1),
        ("workstation attachment replaced", 1),
        ("workstation restart requested", 1),
        ("workstation mismatch", 1),
        ("workstation attachment switched", 1),
        ("stale runtime session", 1),
        ("runtime idle timeout", 0),
    ] {
        let room = Room::open().await;
        let mut link = room.link();
        close(room.accept_ready().await, reason).await;
        assert_eq!(next(&mut link).await, up(1));
        let LinkEvent::Over(end) = next(&mut link).await else {
            panic!("{reason}")
        };
        assert_eq!(end.code(), code, "{reason}");
        match reason {
            // The kernel goes on (GAP-5).
            "too many rejected frames" => assert_eq!(end, End::Conflict(reason.to_owned())),
            _ if code == 1 => assert_eq!(end, End::Closed(reason.to_owned())),
            _ => {}
        }
        assert_eq!(link.events.recv().await, None, "{reason}");
    }
}

// WS-275, and in place of WS-366: on reconnect a refusal counts when it is said twice
#[tokio::test]
async fn a_refused_credential_ends_the_link_at_once_or_when_refused_again() {
    let room = Room::open().await;
    let mut link = room.link();
    room.refuse("401 Unauthorized").await;
    let LinkEvent::Over(end) = next(&mut link).await else {
        panic!()
    };
    assert_eq!(end.code(), 1);
    assert!(end.to_string().contains("401"), "{end}");

    let mut link = room.link();
    close(room.accept_ready().await, "").await;
    assert_eq!(next(&mut link).await, up(1));
    assert!(matches!(next(&mut link).await, LinkEvent::Down { .. }));
    room.refuse("403 Forbidden").await;
    // Once is nothing: the link comes back.
    let socket = room.accept_ready().await;
    assert_eq!(next(&mut link).await, up(2));
    close(socket, "").await;
    assert!(matches!(next(&mut link).await, LinkEvent::Down { .. }));
    room.refuse("403 Forbidden").await;
    room.refuse("403 Forbidden").await;
    let LinkEvent::Over(end) = next(&mut link).await else {
        panic!()
    };
    assert_eq!(end.code(), 77);
    room.nobody_dials().await;
}

// RP-024
#[tokio::test]
async fn a_dial_offers_no_subprotocol_and_names_no_origin() {
    let room = Room::open().await;
    let link = room.link();
    let mut stream = room.stream().await;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    let head = String::from_utf8(head).unwrap().to_ascii_lowercase();
    assert!(head.contains("\r\nauthorization: "), "{head}");
    assert!(!head.contains("\r\nsec-websocket-protocol:"), "{head}");
    assert!(!head.contains("\r\norigin:"), "{head}");
    drop(stream);
    link.close().await;
}

// WS-280
#[tokio::test]
async fn a_cloud_that_is_not_well_is_dialled_again() {
    let room = Room::open().await;
    let mut link = room.link();
    drop(room.stream().await);
    room.refuse("503 Service Unavailable").await;
    let _socket = room.accept_ready().await;
    assert_eq!(next(&mut link).await, up(1));
}

// RP-031
#[tokio::test]
async fn rp_031_a_missing_right_is_told_apart_from_other_refusals() {
    for (status, is_right) in [(401, true), (403, true), (404, false), (409, false)] {
        let room = Room::open().await;
        let mut link = room.link();
        room.refuse(&format!("{status} Refused")).await;
        let LinkEvent::Over(end) = next(&mut link).await else {
            panic!("{status}")
        };
        let text = end.to_string();
        assert_eq!(text.contains("permission denied"), is_right, "{text}");
        assert!(text.contains(&status.to_string()), "{text}");
    }
}

/// Waits on the clock of the test.
async fn soon(link: &mut RoomLink) -> LinkEvent {
    link.events.recv().await.unwrap()
}

// WS-271 RP-030
#[tokio::test]
async fn ws_271_rp_030_a_room_that_never_says_ready_is_given_up_after_30_s() {
    let room = Room::open().await;
    let mut link = room.link();
    let mut socket = room.accept().await;
    tokio::time::pause();
    let started = tokio::time::Instant::now();
    control(&mut socket, r#"{"type":"something_new"}"#).await;
    // Another dial follows the first: it says ready and is none the worse for the wait.
    let dropped = async { while let Some(Ok(_)) = socket.next().await {} };
    let ((), again) = tokio::join!(dropped, room.listener.accept());
    let waited = started.elapsed();
    let expected = Duration::from_secs(30)..Duration::from_secs(35);
    assert!(expected.contains(&waited), "{waited:?}");
    let mut socket = accept_async(again.unwrap().0).await.unwrap();
    control(
        &mut socket,
        r#"{"type":"cloud_room_ready","actor_label":"user:a/agent:x"}"#,
    )
    .await;
    assert_eq!(soon(&mut link).await, up(1));

    // A room that does so for a minute ends the first connect.
    tokio::time::resume();
    let room = Room::open().await;
    let mut link = room.link();
    let mut sockets = vec![room.accept().await];
    tokio::time::pause();
    let silent = tokio::spawn(async move {
        loop {
            let (stream, _) = room.listener.accept().await.unwrap();
            sockets.push(accept_async(stream).await.unwrap());
        }
    });
    let LinkEvent::Over(end) = soon(&mut link).await else {
        panic!()
    };
    assert!(
        end.to_string().contains("did not say ready within 30 s"),
        "{end}"
    );
    silent.abort();
}

// WS-369
#[tokio::test]
async fn ws_369_a_reply_that_cannot_be_sent_costs_the_connection_and_not_the_session() {
    let room = Room::open().await;
    let mut link = room.link();
    let socket = room.accept_ready().await;
    assert_eq!(next(&mut link).await, up(1));
    tokio::time::pause();
    // A room that is heard and reads nothing: more than the system buffers cannot be sent.
    let (mut sink, unread) = socket.split();
    let pings = tokio::spawn(async move {
        while sink.send(Message::Ping(Vec::new().into())).await.is_ok() {
            tokio::time::sleep(Duration::from_secs(10)).await;
        }
    });
    let mut reply = vec![0; 64 * 1024 * 1024];
    reply[0] = FrameType::Response.byte();
    link.send(1, reply.clone());
    let down = soon(&mut link).await;
    let LinkEvent::Down {
        connection: 1,
        reason,
    } = down
    else {
        panic!("{down:?}")
    };
    assert_eq!(reason, "a frame could not be sent in time");
    pings.abort();
    drop(unread);
    let (stream, _) = room.listener.accept().await.unwrap();
    tokio::time::resume();
    let mut socket = accept_async(stream).await.unwrap();
    control(
        &mut socket,
        r#"{"type":"cloud_room_ready","actor_label":"user:a/agent:x"}"#,
    )
    .await;
    assert_eq!(next(&mut link).await, up(2));
    // The reply is lost: whoever asked is gone with its connection, and its number keeps it off the next one.
    link.send(1, b"\x02late".to_vec());
    link.send(2, b"\x02mine".to_vec());
    let heard = async {
        loop {
            if let Message::Binary(bytes) = socket.next().await.unwrap().unwrap() {
                return bytes;
            }
        }
    };
    let heard = tokio::time::timeout(LIMIT, heard).await.unwrap();
    assert_eq!(heard, &b"\x02mine"[..]);
}

// WS-272 RP-033
#[tokio::test]
async fn a_rejection_before_ready_ends_the_link_with_its_reason() {
    let room = Room::open().await;
    let mut link = room.link();
    let mut socket = room.accept().await;
    control(
        &mut socket,
        r#"{"type":"cloud_frame_rejected","reason":"not yours"}"#,
    )
    .await;
    let LinkEvent::Over(end) = next(&mut link).await else {
        panic!()
    };
    assert!(end.to_string().contains("not yours"), "{end}");
}

// WS-364
#[tokio::test]
async fn a_link_that_waits_to_dial_stops_at_once() {
    let room = Room::open().await;
    let link = room.link();
    drop(room.stream().await);
    drop(room);
    let started = Instant::now();
    link.close().await;
    assert!(started.elapsed() < Duration::from_secs(3));
}

// D13: a kernel is not ended because of frames that a room does not want.
#[test]
fn a_room_that_refused_too_many_frames_is_joined_anew() {
    let lost = super::closed("too many rejected frames");
    assert!(matches!(lost, super::Lost::Over(End::Conflict(_))));
}
