//! What widgets' callbacks say: it belongs to no cell, and is told as it comes.
#![allow(clippy::unwrap_used)]

mod support;

use serde_json::{Value, json};
use session_core::Effect;
use support::Sim;
use wire::FrameType;

fn told(sim: &Sim) -> Vec<Value> {
    let frames = sim.log.iter().filter_map(|effect| match effect {
        Effect::SendFrame(frame) => wire::frame::split(frame).ok(),
        _ => None,
    });
    frames
        .filter(|(kind, _)| *kind == FrameType::Broadcast)
        .map(|(_, payload)| serde_json::from_slice::<Value>(payload).unwrap()["output"].clone())
        .collect()
}

// WS-308
#[test]
fn ws_308_what_a_callback_says_is_told_and_written_nowhere() {
    let mut sim = Sim::ready();
    sim.queue(&["e1"]);
    sim.idle("e1");
    let message =
        json!({"header": {"msg_type": "comm_msg"}, "content": {"comm_id": "w", "data": {}}});
    sim.request(&json!({"id": "r", "action": "send_comm", "message": message}));
    let sent = sim.sent("comm_msg")[0].msg_id.clone();
    sim.print(&sent, "clicked\n");
    let error =
        json!({"ename": "ZeroDivisionError", "evalue": "division by zero", "traceback": []});
    sim.kernel(&sent, "error", error);
    sim.print("somebody-else", "never told\n");
    sim.print(&sent, &"x".repeat(70_000));
    assert_eq!(
        told(&sim),
        [
            json!({"output_type": "stream", "name": "stdout", "text": "clicked\n"}),
            json!({"output_type": "error", "ename": "ZeroDivisionError", "evalue": "division by zero", "traceback": []}),
        ]
    );
    assert!(sim.outputs("e1").is_empty());
    assert_eq!(sim.status("e1"), "done");
}
