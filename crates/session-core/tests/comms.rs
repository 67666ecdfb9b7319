//! Widgets: what a person does and what the kernel says meet in CommsDoc without undoing each other; messages of their own.
#![allow(clippy::unwrap_used)]

mod support;

use serde_json::{Value, json};
use session_core::{Effect, Event, JournalEntry};
use support::{Sim, info, json_at};
use wire::FrameType;
use wire::control::SessionControl;

fn open(comm_id: &str) -> Value {
    json!({"comm_id": comm_id, "target_name": "jupyter.widget",
        "data": {"state": {"value": 0, "_model_name": "IntSliderModel"}, "buffer_paths": []}})
}

fn update(method: &str, value: i64) -> Value {
    json!({"comm_id": "w", "data": {"method": method, "state": {"value": value}, "buffer_paths": []}})
}

fn slider() -> Sim {
    let mut sim = Sim::ready();
    sim.queue(&["a"]);
    sim.kernel("a", "comm_open", open("w"));
    sim.pass(100);
    sim
}

/// A person moves the slider.
fn set(sim: &mut Sim, value: i64) {
    sim.comms
        .merge_state("w", json!({"value": value}).as_object().unwrap())
        .unwrap();
    sim.room_speaks();
}

/// The id of the last message to the kernel, which tells it this value.
fn told(sim: &Sim, value: i64) -> String {
    let sent = sim.sent("comm_msg");
    let sent = (*sent.last().unwrap()).clone();
    assert_eq!(sent.content["data"]["state"], json!({"value": value}));
    sent.msg_id
}

/// A person moves the slider; the id of the message that tells the kernel.
fn moves(sim: &mut Sim, value: i64) -> String {
    set(sim, value);
    told(sim, value)
}

fn value(sim: &Sim) -> Value {
    sim.comms.value("w", "value").unwrap()
}

fn payloads(sim: &Sim, kind: FrameType) -> impl Iterator<Item = &[u8]> {
    sim.log.iter().filter_map(move |effect| match effect {
        Effect::SendFrame(bytes) if bytes[0] == kind.byte() => Some(&bytes[1..]),
        _ => None,
    })
}

fn frames(sim: &Sim, kind: FrameType) -> Vec<Value> {
    let payloads = payloads(sim, kind);
    payloads
        .map(|payload| serde_json::from_slice(payload).unwrap())
        .collect()
}

fn broadcasts(sim: &Sim) -> Vec<Value> {
    frames(sim, FrameType::Broadcast)
}

fn answer(sim: &mut Sim, is_accepted: bool) {
    let (at, now) = (FrameType::Broadcast, sim.now);
    let control = if is_accepted {
        SessionControl::accepted("n".into(), "p".into(), at, 1, now)
    } else {
        SessionControl::rejected("n".into(), "p".into(), Some(at), "no", now)
    };
    sim.event(Event::Frame(wire::frame::encode(
        FrameType::SessionControl,
        &control.encode(),
    )));
}

// WS-329 DOC-170
#[test]
fn ws_329_the_kernels_echo_never_moves_a_widget_back() {
    let mut sim = slider();
    let first = moves(&mut sim, 1);
    set(&mut sim, 2);
    sim.kernel(&first, "comm_msg", update("echo_update", 1));
    sim.idle(&first);
    sim.pass(100);
    assert_eq!(value(&sim), 2);
    let second = told(&sim, 2);
    sim.kernel(&second, "comm_msg", update("echo_update", 2));
    sim.idle(&second);
    sim.pass(100);
    assert_eq!(value(&sim), 2);
    assert_eq!(sim.sent("comm_msg").len(), 2);
}

// As the throttle of a Jupyter page: a slider drawn over a slow observer leaves no backlog.
#[test]
fn a_kernel_that_is_at_it_is_told_the_last_value_only() {
    let mut sim = slider();
    let first = moves(&mut sim, 1);
    for value in 2..=50 {
        set(&mut sim, value);
    }
    assert_eq!(sim.sent("comm_msg").len(), 1);
    sim.kernel(&first, "comm_msg", update("echo_update", 1));
    sim.idle("another");
    assert_eq!(sim.sent("comm_msg").len(), 1);
    sim.idle(&first);
    let last = told(&sim, 50);
    sim.idle(&last);
    assert_eq!(sim.sent("comm_msg").len(), 2);
    moves(&mut sim, 51);
}

#[test]
fn what_the_kernel_makes_of_a_value_counts_unless_a_newer_one_is_on_its_way() {
    let mut sim = slider();
    let first = moves(&mut sim, 150);
    set(&mut sim, 160);
    sim.kernel(&first, "comm_msg", update("update", 100));
    sim.idle(&first);
    sim.pass(100);
    assert_eq!(value(&sim), 160);
    let second = told(&sim, 160);
    sim.kernel(&second, "comm_msg", update("update", 100));
    sim.idle(&second);
    sim.pass(100);
    assert_eq!(value(&sim), 100);
    // Nothing is on its way: the kernel's own word counts.
    sim.kernel("a", "comm_msg", update("update", 7));
    sim.pass(100);
    assert_eq!(value(&sim), 7);
}

/// The session that takes this one's place in the same process, as in a new epoch, and what it read of the journal.
fn anew(sim: &mut Sim, journal: Vec<JournalEntry>) {
    let before = sim.session.hand_over();
    sim.replace_session_with(true, before);
    sim.event(Event::KernelReady(info()));
    sim.link();
    sim.event(Event::Journal(journal));
    sim.event(Event::JournalCaughtUp);
    sim.pass(100);
}

#[test]
fn what_people_change_while_the_room_starts_over_reaches_the_kernel() {
    let mut sim = slider();
    let word = sim.entry("a", "comm_msg", update("update", 3));
    sim.event(Event::Journal(vec![word.clone()]));
    sim.pass(100);
    // Nobody is there to see it.
    sim.linked = false;
    sim.comms
        .merge_state("w", json!({"value": 9}).as_object().unwrap())
        .unwrap();
    anew(&mut sim, vec![word]);
    told(&sim, 9);
    assert_eq!((sim.sent("comm_msg").len(), value(&sim)), (1, json!(9)));
}

#[test]
fn what_waits_for_the_kernel_goes_on_waiting_while_the_room_starts_over() {
    let mut sim = slider();
    let first = moves(&mut sim, 1);
    set(&mut sim, 2);
    anew(&mut sim, Vec::new());
    assert_eq!(sim.sent("comm_msg").len(), 0);
    sim.kernel(&first, "comm_msg", update("update", 1));
    sim.idle(&first);
    sim.pass(100);
    told(&sim, 2);
    assert_eq!(value(&sim), 2);
}

#[test]
fn what_the_kernel_said_while_the_room_started_over_is_written_and_not_told_to_it() {
    let mut sim = slider();
    let word = sim.entry("a", "comm_msg", update("update", 3));
    anew(&mut sim, vec![word]);
    assert_eq!((sim.sent("comm_msg").len(), value(&sim)), (0, json!(3)));
}

// The value that a client sent by `send_comm` is in no document: its echo brings it there.
#[test]
fn an_echo_of_what_no_document_holds_is_written() {
    let mut sim = slider();
    let message = json!({"header": {"msg_type": "comm_msg"}, "content": update("update", 5)});
    sim.request(&json!({"id": "r", "action": "send_comm", "message": message}));
    let msg_id = sim.sent("comm_msg")[0].msg_id.clone();
    sim.kernel(&msg_id, "comm_msg", update("echo_update", 5));
    sim.pass(100);
    assert_eq!(value(&sim), 5);
}

#[test]
fn a_second_reading_of_the_journal_leaves_what_people_did_since() {
    let mut sim = slider();
    sim.kernel("a", "comm_msg", update("update", 3));
    let msg_id = moves(&mut sim, 9);
    sim.kernel(&msg_id, "comm_msg", update("echo_update", 9));
    sim.pass(100);
    let untouched = json!({"comm_id": "w", "data": {"method": "update", "state": {"min": -5}}});
    let journal = [
        ("a", "comm_open", open("w")),
        ("a", "comm_msg", update("update", 3)),
        (&*msg_id, "comm_msg", update("echo_update", 9)),
        ("a", "comm_msg", untouched),
    ];
    let entries = journal.map(|(parent, kind, content)| sim.entry(parent, kind, content));
    sim.replace_session(true);
    sim.link();
    for entry in entries {
        sim.event(Event::Journal(vec![entry]));
        assert_eq!(value(&sim), 9);
    }
    sim.event(Event::JournalCaughtUp);
    sim.pass(100);
    assert_eq!(value(&sim), 9);
    assert_eq!(sim.comms.value("w", "min"), Some(json!(-5)));
}

// WS-331 DOC-167
#[test]
fn ws_331_state_without_topology_is_removed_the_second_time() {
    let mut sim = slider();
    let state = json!({"value": 1});
    sim.comms
        .merge_state("orphan", state.as_object().unwrap())
        .unwrap();
    sim.room_speaks();
    assert!(sim.sent("comm_msg").is_empty());
    sim.pass(31_000);
    assert!(sim.comms.state("orphan").is_some());
    sim.pass(31_000);
    assert!(sim.comms.state("orphan").is_none());
    assert!(sim.comms.state("w").is_some());
    assert!(sim.wake.is_none_or(|at| at > sim.now.plus(60_000)));
}

#[test]
fn a_new_kernel_begins_without_the_comms_of_the_one_before() {
    let mut sim = slider();
    let state = json!({"value": 1});
    sim.comms
        .merge_state("orphan", state.as_object().unwrap())
        .unwrap();
    sim.room_speaks();
    sim.replace_session(false);
    sim.link();
    sim.pass(100);
    assert!(json_at(sim.state.doc(), "comms", "w").is_none());
    assert!(sim.comms.comm_ids().is_empty());
}

#[test]
fn a_value_with_a_buffer_stays_in_the_document() {
    let mut sim = slider();
    let data = json!({"method": "update", "buffer_paths": [["data", "bytes"]],
        "state": {"data": {"note": "n".repeat(2000)}}});
    let mut entry = sim.entry("a", "comm_msg", json!({"comm_id": "w", "data": data}));
    entry.buffers = vec![b"four".to_vec()];
    sim.event(Event::Journal(vec![entry]));
    sim.pass(100);
    let data = sim.comms.value("w", "data").unwrap();
    assert_eq!(data["note"].as_str().unwrap().len(), 2000);
    assert_eq!(sim.blobs[data["bytes"]["blob"].as_str().unwrap()], b"four");
}

// WS-333
#[test]
fn ws_333_a_kernels_own_message_goes_out_after_the_state_before_it() {
    let mut sim = slider();
    sim.kernel("a", "comm_msg", update("update", 4));
    let content = json!({"comm_id": "w", "data": {"method": "custom", "content": {"tick": 1}}});
    let mut entry = sim.entry("a", "comm_msg", content.clone());
    entry.buffers = vec![vec![1, 2, 255], vec![7; 70_000]];
    sim.event(Event::Journal(vec![entry]));
    let [sent] = &broadcasts(&sim)[..] else {
        panic!("{:?}", sim.log);
    };
    assert_eq!(
        (&sent["event"], &sent["msg_type"], &sent["content"]),
        (&json!("comm"), &json!("comm_msg"), &content)
    );
    assert_eq!(sent["buffers"][0], json!([1, 2, 255]));
    assert!(sent["buffers"][1].as_str().unwrap().len() > 70_000);
    sim.pass(100);
    assert_eq!(value(&sim), 4);
    let heads = sim.session.heads(documents::DocKind::Comms);
    let heads: Vec<String> = heads.iter().map(ToString::to_string).collect();
    assert_eq!(sent["comms_heads"], json!(heads));
}

#[test]
fn messages_of_comms_that_are_not_open_go_nowhere_and_none_is_said_twice() {
    let mut sim = slider();
    let custom = |id: &str| json!({"comm_id": id, "data": {"method": "custom", "content": {}}});
    sim.kernel("a", "comm_msg", custom("other"));
    assert_eq!(broadcasts(&sim).len(), 0);
    let entry = sim.entry("a", "comm_msg", custom("w"));
    sim.event(Event::Journal(vec![entry.clone()]));
    assert_eq!(broadcasts(&sim).len(), 1);
    sim.replace_session(true);
    sim.link();
    sim.event(Event::Journal(vec![entry]));
    sim.event(Event::JournalCaughtUp);
    sim.pass(100);
    assert_eq!(broadcasts(&sim).len(), 1);
}

#[test]
fn a_flood_of_messages_waits_for_the_room() {
    let mut sim = slider();
    let text = "x".repeat(1024 * 1024);
    let custom = json!({"comm_id": "w", "data": {"method": "custom", "content": text}});
    for _ in 0..40 {
        sim.kernel("a", "comm_msg", custom.clone());
    }
    let said = |sim: &Sim| payloads(sim, FrameType::Broadcast).count();
    assert_eq!(said(&sim), 4);
    assert!(!sim.session.wants_journal());
    for sent in 5..=40 {
        answer(&mut sim, true);
        assert_eq!(said(&sim), sent);
    }
    assert!(sim.session.wants_journal());
}

/// What another client stored, and how it names it.
fn stored(sim: &mut Sim, media_type: &str, bytes: &[u8]) -> Value {
    let sha256 = documents::manifest::sha256_hex(bytes);
    sim.blobs.insert(sha256.clone(), bytes.to_vec());
    json!({"blob": sha256, "size": bytes.len(), "media_type": media_type})
}

// WS-330 DOC-169
#[test]
fn ws_330_values_in_blobs_reach_the_kernel_with_their_bytes() {
    let mut sim = slider();
    let text = stored(&mut sim, "text/plain", b"long text");
    let list = stored(&mut sim, "application/json", b"[1,{\"a\":2}]");
    let file = stored(&mut sim, "application/octet-stream", &[0, 255]);
    let state = json!({"description": text, "items": list, "raw": file, "plain": 1,
        "files": [{"name": "f", "content": file}]});
    sim.comms
        .merge_state("w", state.as_object().unwrap())
        .unwrap();
    sim.room_speaks();
    // What came with its blobs waits until the kernel has dealt with what it had at once.
    let first = sim.sent("comm_msg")[0].msg_id.clone();
    sim.idle(&first);
    let (mut told, mut buffers) = (json!({}), Vec::new());
    for message in sim.sent("comm_msg") {
        let data = &message.content["data"];
        assert_eq!(data["method"], "update");
        let members = data["state"].as_object().unwrap().clone();
        told.as_object_mut().unwrap().extend(members);
        let paths = data["buffer_paths"].as_array().unwrap().iter().cloned();
        buffers.extend(paths.zip(message.buffers.iter().cloned()));
    }
    assert_eq!(
        told,
        json!({"description": "long text", "items": [1, {"a": 2}], "plain": 1, "files": [{"name": "f"}]})
    );
    buffers.sort_by_key(|(path, _)| path.to_string());
    let expected = [json!(["files", 0, "content"]), json!(["raw"])];
    assert_eq!(buffers, expected.map(|path| (path, vec![0, 255])));
    // The kernel's echo of it moves nothing: the references stay.
    let sent = sim.sent("comm_msg").last().unwrap().msg_id.clone();
    let echo = json!({"comm_id": "w", "data": {"method": "echo_update", "state": {"description": "long text"}}});
    sim.kernel(&sent, "comm_msg", echo);
    sim.pass(100);
    assert_eq!(sim.comms.value("w", "description"), Some(text));
}

#[test]
fn a_value_whose_blob_is_late_comes_as_it_is_then_and_one_without_not_at_all() {
    let mut sim = slider();
    sim.upload = false;
    let first = stored(&mut sim, "text/plain", b"first");
    let put = |sim: &mut Sim, state: Value| {
        sim.comms
            .merge_state("w", state.as_object().unwrap())
            .unwrap();
        sim.room_speaks();
    };
    put(&mut sim, json!({"description": first, "gone": first}));
    put(&mut sim, json!({"gone": "here"}));
    let plain = sim.sent("comm_msg").last().unwrap().msg_id.clone();
    sim.idle(&plain);
    let before = sim.sent("comm_msg").len();
    let sha256 = first["blob"].as_str().unwrap().to_owned();
    let bytes = Some(b"first".to_vec());
    sim.event(Event::BlobFetched {
        sha256: sha256.clone(),
        bytes,
    });
    let sent: Vec<Value> = sim.sent("comm_msg")[before..]
        .iter()
        .map(|message| message.content["data"]["state"].clone())
        .collect();
    assert_eq!(sent, [json!({"description": "first"})]);
    let late = sim.sent("comm_msg").last().unwrap().msg_id.clone();
    sim.idle(&late);
    let second = stored(&mut sim, "text/plain", b"second");
    put(&mut sim, json!({"description": second}));
    let sha256 = second["blob"].as_str().unwrap().to_owned();
    sim.event(Event::BlobFetched {
        sha256,
        bytes: None,
    });
    put(
        &mut sim,
        json!({"description": {"blob": "b", "size": 65 * 1024 * 1024, "media_type": "text/plain"}}),
    );
    assert_eq!(sim.sent("comm_msg").len(), before + 1);
    let warned = sim
        .log
        .iter()
        .filter(|effect| matches!(effect, Effect::Warn(_)));
    assert_eq!(warned.count(), 1);
}

#[test]
fn whole_numbers_reach_the_kernel_whole_whatever_a_client_wrote() {
    let mut sim = slider();
    let state = json!({"value": {"hours": 11, "seconds": 0.0, "list": [-3.0, 0.5]}});
    sim.comms
        .merge_state("w", state.as_object().unwrap())
        .unwrap();
    sim.room_speaks();
    let sent = sim.sent("comm_msg").last().unwrap().content.clone();
    assert_eq!(
        sent["data"]["state"]["value"].to_string(),
        r#"{"hours":11,"list":[-3,0.5],"seconds":0}"#
    );
}

#[test]
fn a_message_that_no_room_carries_is_told_of() {
    let mut sim = slider();
    let custom =
        |text: String| json!({"comm_id": "w", "data": {"method": "custom", "content": text}});
    sim.kernel("a", "comm_msg", custom("x".repeat(16 * 1024 * 1024)));
    let [told] = &broadcasts(&sim)[..] else {
        panic!()
    };
    assert_eq!(
        (&told["event"], &told["comm_id"]),
        (&json!("comm_too_large"), &json!("w"))
    );
    assert_eq!(told["limit"], 16 * 1024 * 1024);
    assert!(told["bytes"].as_u64() > told["limit"].as_u64());
    let warned = |effect: &&Effect| matches!(effect, Effect::Warn(text) if text.contains("comm w"));
    assert_eq!(sim.log.iter().filter(warned).count(), 1);
    answer(&mut sim, true);
    sim.kernel("a", "comm_msg", custom("short".to_owned()));
    assert_eq!(broadcasts(&sim)[1]["content"]["data"]["content"], "short");
}

// WS-334
#[test]
fn ws_334_a_room_that_refuses_a_broadcast_gets_no_other() {
    let mut sim = slider();
    let custom = json!({"comm_id": "w", "data": {"method": "custom", "content": {}}});
    sim.kernel("a", "comm_msg", custom.clone());
    answer(&mut sim, false);
    for _ in 0..3 {
        sim.kernel("a", "comm_msg", custom.clone());
    }
    assert_eq!(broadcasts(&sim).len(), 1);
    assert!(sim.exit.is_none());
    sim.print("a", "goes on\n");
    sim.idle("a");
    assert_eq!(sim.status("a"), "done");
}

#[test]
fn a_persons_message_follows_the_state_it_comes_after_or_goes_in_two_seconds() {
    let mut sim = slider();
    let ask = |sim: &mut Sim, id: &str, heads: &[String]| {
        let message = json!({"header": {"msg_type": "comm_msg"}, "buffers": [[1, 2], "BQY="],
            "content": {"comm_id": "w", "data": {"method": "custom", "content": id}}});
        sim.request(
            &json!({"id": id, "action": "send_comm", "message": message, "comms_heads": heads}),
        );
    };
    sim.comms
        .merge_state("w", json!({"value": 8}).as_object().unwrap())
        .unwrap();
    let heads: Vec<String> = sim
        .comms
        .doc_mut()
        .get_heads()
        .iter()
        .map(ToString::to_string)
        .collect();
    ask(&mut sim, "click", &heads);
    assert!(sim.sent("comm_msg").is_empty());
    sim.room_speaks();
    let sent = sim.sent("comm_msg");
    assert_eq!(sent[0].content["data"]["state"], json!({"value": 8}));
    assert_eq!(sent[1].content["data"]["content"], "click");
    assert_eq!(sent[1].buffers, [vec![1, 2], vec![5, 6]]);
    ask(&mut sim, "late", &["00".repeat(32)]);
    assert_eq!(sim.sent("comm_msg").len(), 2);
    sim.pass(2_001);
    assert_eq!(sim.sent("comm_msg").len(), 3);
}

#[test]
fn the_debugger_is_asked_on_the_control_channel_and_its_events_go_to_everybody() {
    let mut sim = slider();
    let request = json!({"type": "request", "seq": 1, "command": "debugInfo"});
    sim.request(&json!({"id": "d", "action": "debug", "request": request}));
    let asked = sim.sent("debug_request")[0].clone();
    assert_eq!(
        (asked.channel, &asked.content),
        (session_core::Channel::Control, &request)
    );
    let mut reply = sim.entry(
        &asked.msg_id,
        "debug_reply",
        json!({"success": true, "body": {"isStarted": false}}),
    );
    reply.channel = session_core::Channel::Control;
    sim.event(Event::Journal(vec![reply]));
    sim.kernel("a", "debug_event", json!({"event": "stopped"}));
    let answers = frames(&sim, FrameType::Response);
    assert_eq!(answers[0]["result"], "debug_result");
    assert_eq!(answers[0]["body"]["isStarted"], false);
    assert_eq!(broadcasts(&sim)[0]["content"]["event"], "stopped");
}
