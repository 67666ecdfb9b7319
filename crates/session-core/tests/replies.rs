//! What a kernel answers to an execution, and what stays of a question and its answer.
#![allow(clippy::unwrap_used)]

mod support;

use serde_json::{Value, json};
use support::Sim;

fn running() -> Sim {
    let mut sim = Sim::ready();
    sim.queue(&["e1", "e2"]);
    sim
}

#[test]
fn an_error_that_is_told_in_the_reply_only_fails_the_execution_and_is_shown() {
    let mut sim = running();
    let reply = json!({"status": "error", "ename": "RangeError", "evalue": "x", "traceback": ["at 1"], "execution_count": 4});
    sim.kernel("e1", "execute_reply", reply.clone());
    sim.idle("e1");
    assert_eq!(
        (&*sim.status("e1"), &*sim.status("e2")),
        ("error", "cancelled")
    );
    let outputs = sim.outputs("e1");
    assert_eq!(outputs.len(), 1);
    assert_eq!(
        (&outputs[0]["ename"], &outputs[0]["evalue"]),
        (&json!("RangeError"), &json!("x"))
    );
    assert_eq!(sim.record("e1")["execution_count"], 4);

    let mut sim = running();
    sim.kernel(
        "e1",
        "error",
        json!({"ename": "E", "evalue": "v", "traceback": []}),
    );
    sim.kernel("e1", "execute_reply", reply.clone());
    assert_eq!(sim.outputs("e1").len(), 1, "told twice, shown once");

    let mut sim = running();
    let told = json!({"name": "stderr", "text": "UsageError: no such magic\n"});
    sim.kernel("e1", "stream", told);
    sim.kernel("e1", "execute_reply", reply);
    sim.idle("e1");
    assert_eq!(sim.outputs("e1").len(), 1, "stderr has told of it");
    assert_eq!(
        (&*sim.status("e1"), &*sim.status("e2")),
        ("error", "cancelled")
    );
}

#[test]
fn a_count_that_comes_with_the_reply_only_is_taken() {
    let mut sim = running();
    sim.kernel(
        "e1",
        "execute_reply",
        json!({"status": "ok", "execution_count": 7}),
    );
    sim.idle("e1");
    assert_eq!(sim.record("e1")["execution_count"], 7);
    sim.kernel("e2", "execute_input", json!({"execution_count": 8}));
    sim.kernel(
        "e2",
        "execute_reply",
        json!({"status": "ok", "execution_count": 9}),
    );
    sim.idle("e2");
    assert_eq!(sim.record("e2")["execution_count"], 8);
}

#[test]
fn the_next_input_stands_beside_the_execution_that_proposes_it() {
    let mut sim = running();
    let payload = json!([{"source": "set_next_input", "text": "x = 1", "replace": true}, {"source": "other"}]);
    sim.kernel(
        "e1",
        "execute_reply",
        json!({"status": "ok", "payload": payload}),
    );
    sim.idle("e1");
    assert_eq!(
        sim.record("e1")["next_input"],
        json!({"text": "x = 1", "replace": true})
    );
    let long = json!([{"source": "set_next_input", "text": "x".repeat(300_000)}]);
    sim.kernel(
        "e2",
        "execute_reply",
        json!({"status": "ok", "payload": long}),
    );
    sim.idle("e2");
    assert_eq!(sim.record("e2").get("next_input"), None);
    assert!(sim.text("e2").contains("292 KiB"));
}

#[test]
fn a_question_and_its_answer_stay_as_in_a_terminal_but_no_secret() {
    for (secret, shown) in [(false, "Name? Ann\n"), (true, "Name? ········\n")] {
        let mut sim = running();
        let question = json!({"prompt": "Name? ", "password": secret});
        sim.kernel("e1", "input_request", question);
        assert_eq!(sim.record("e1")["pending_input"]["password"], secret);
        sim.request(&json!({"id": "r", "action": "input_reply", "value": "Ann"}));
        let sent = sim.sent("input_reply");
        let echo = sent[0].echo.clone().unwrap();
        assert_eq!(
            (&*echo.execution_id, &*echo.text, &sent[0].content["value"]),
            ("e1", shown, &json!("Ann"))
        );
        assert_eq!(sim.record("e1").get("pending_input"), None);
    }
}

#[test]
fn the_cell_that_ran_says_that_its_kernel_ended() {
    let mut sim = running();
    sim.print("e1", "before\n");
    let died = || session_core::Event::KernelDied {
        details: "the kernel ended unexpectedly (signal 9)".into(),
    };
    sim.event(died());
    let outputs = sim.outputs("e1");
    let ends = outputs.iter().map(|output| &output["ename"]);
    assert_eq!(
        ends.collect::<Vec<_>>(),
        [&Value::Null, &json!("KernelDied")]
    );
    assert_eq!(
        (&*sim.status("e1"), &*sim.status("e2")),
        ("error", "cancelled")
    );
    assert!(sim.outputs("e2").is_empty());
    sim.event(died());
    assert_eq!(sim.outputs("e1").len(), 2);
}

// Shell and iopub are two sockets: the small reply overtakes a large output.
#[test]
fn an_error_whose_reply_overtakes_it_is_shown_once_after_what_came_before_it() {
    let reply = json!({"status": "error", "ename": "E", "evalue": "v", "traceback": []});
    let mut sim = running();
    sim.kernel("e1", "execute_reply", reply.clone());
    assert_eq!(
        sim.status("e2"),
        "cancelled",
        "what waits hears of it at once"
    );
    sim.print("e1", "before\n");
    let error = json!({"ename": "E", "evalue": "v", "traceback": []});
    sim.kernel("e1", "error", error);
    sim.idle("e1");
    let outputs = sim.outputs("e1");
    let kinds: Vec<_> = outputs
        .iter()
        .map(|output| &output["output_type"])
        .collect();
    assert_eq!(kinds, ["stream", "error"]);
    assert_eq!(sim.status("e1"), "error");

    let mut sim = running();
    sim.kernel("e1", "execute_reply", reply);
    let told = json!({"name": "stderr", "text": "UsageError: no such magic\n"});
    sim.kernel("e1", "stream", told);
    sim.idle("e1");
    assert_eq!(sim.outputs("e1").len(), 1);
    assert_eq!(sim.status("e1"), "error");
}
