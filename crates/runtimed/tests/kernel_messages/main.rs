//! Every message of Jupyter messaging 5, through the keeper, with kernels of three languages.
#![allow(clippy::unwrap_used)]

#[path = "../kernel_keeper/job.rs"]
#[allow(dead_code)]
mod job;
mod kernels;

use std::cell::RefCell;

use bytes::Bytes;
use job::Job;
use kernel::journal::{Channel, Record};
use kernel::protocol::{Command, Outgoing};
use kernels::Kernel;
use serde_json::{Value, json};

/// One request: its reply and what was broadcast for it.
struct Exchange {
    msg_id: String,
    reply: Value,
    iopub: Vec<(String, Value)>,
}

impl Exchange {
    fn of_type(&self, msg_type: &str) -> Vec<&Value> {
        let fits = self.iopub.iter().filter(|(kind, _)| kind == msg_type);
        fits.map(|(_, content)| content).collect()
    }

    fn text(&self, name: &str) -> String {
        let streams = self.of_type("stream").into_iter();
        let named = streams.filter(|content| content["name"] == name);
        named
            .map(|content| content["text"].as_str().unwrap())
            .collect()
    }
}

struct Suite {
    job: Job,
    asked: usize,
}

impl Suite {
    async fn start(kernel: &Kernel) -> Self {
        let job = Job::start_with(kernel.spec.clone()).await;
        Self { job, asked: 0 }
    }

    async fn send(&mut self, channel: Channel, msg_type: &str, content: Value) -> String {
        self.asked += 1;
        let msg_id = format!("request-{}", self.asked);
        let outgoing = Outgoing {
            channel,
            msg_type: msg_type.to_owned(),
            msg_id: msg_id.clone(),
            content,
            metadata: Value::Null,
            parent_header: Value::Null,
            echo: None,
            buffers: Vec::new(),
        };
        let command = Command::Send(Box::new(outgoing));
        self.job.client.request(command).await.unwrap();
        msg_id
    }

    async fn ask_on(&mut self, channel: Channel, msg_type: &str, content: Value) -> Exchange {
        let id = self.send(channel, msg_type, content).await;
        self.answer(channel, msg_type, &id).await
    }

    /// Waits for the reply and for the kernel's idleness; checks the form of every message.
    async fn answer(&mut self, channel: Channel, msg_type: &str, id: &str) -> Exchange {
        let answers = |record: &Record| record.parent_header()["msg_id"] == id;
        let reply = self
            .job
            .record(|record| record.channel == channel && answers(record))
            .await;
        assert_eq!(
            reply.header()["msg_type"],
            msg_type.replace("_request", "_reply")
        );
        let seen = self.job.until_idle(id).await;
        let mut exchange = Exchange {
            msg_id: id.to_owned(),
            reply: reply.content(),
            iopub: Vec::new(),
        };
        for record in seen.iter().filter(|record| answers(record)) {
            check_header(record);
            if record.channel == Channel::Iopub {
                let kind = record.header()["msg_type"].as_str().unwrap().to_owned();
                check_content(&kind, &record.content());
                exchange.iopub.push((kind, record.content()));
            }
        }
        let states = exchange.of_type("status");
        assert_eq!(states.first().unwrap()["execution_state"], "busy");
        assert_eq!(states.last().unwrap()["execution_state"], "idle");
        exchange
    }

    async fn ask(&mut self, msg_type: &str, content: Value) -> Exchange {
        self.ask_on(Channel::Shell, msg_type, content).await
    }

    /// What a request printed once that has a text in it. Deno prints from a task of its own, at times after its
    /// idleness.
    async fn printed(&mut self, exchange: &Exchange, name: &str, text: &str) -> String {
        let printed = RefCell::new(String::new());
        let fits = |record: &Record| {
            let content = record.content();
            let is_of_it = record.parent_header()["msg_id"] == exchange.msg_id;
            if is_of_it && record.header()["msg_type"] == "stream" && content["name"] == name {
                printed
                    .borrow_mut()
                    .push_str(content["text"].as_str().unwrap());
            }
            printed.borrow().contains(text)
        };
        self.job.record(fits).await;
        printed.into_inner()
    }

    async fn execute(&mut self, code: &str) -> Exchange {
        self.execute_with(code, json!({})).await
    }

    async fn execute_with(&mut self, code: &str, options: Value) -> Exchange {
        self.ask("execute_request", request(code, &options)).await
    }
}

fn request(code: &str, options: &Value) -> Value {
    let mut content = json!({"code": code, "silent": false, "store_history": true,
        "user_expressions": {}, "allow_stdin": false, "stop_on_error": true});
    for (key, value) in options.as_object().unwrap() {
        content[key] = value.clone();
    }
    content
}

fn check_header(record: &Record) {
    let header = record.header();
    for key in [
        "msg_id", "msg_type", "session", "date", "version", "username",
    ] {
        assert!(header[key].is_string(), "{key}: {header}");
    }
    assert!(
        header["version"].as_str().unwrap().starts_with("5."),
        "{header}"
    );
}

fn check_content(kind: &str, content: &Value) {
    let is_fine = match kind {
        "status" => {
            ["busy", "idle", "starting"].contains(&content["execution_state"].as_str().unwrap())
        }
        "execute_input" => content["code"].is_string() && content["execution_count"].is_u64(),
        "stream" => {
            ["stdout", "stderr"].contains(&content["name"].as_str().unwrap())
                && content["text"].is_string()
        }
        "display_data" | "update_display_data" | "execute_result" => {
            content["data"].is_object() && content["metadata"].is_object()
        }
        "error" => {
            content["ename"].is_string()
                && content["evalue"].is_string()
                && content["traceback"].is_array()
        }
        "clear_output" => content["wait"].is_boolean(),
        _ => true,
    };
    assert!(is_fine, "{kind}: {content}");
}

/// What every kernel does.
async fn what_all_kernels_do(kernel: &Kernel, suite: &mut Suite) {
    let info = suite.ask("kernel_info_request", json!({})).await.reply;
    assert!(
        info["protocol_version"].as_str().unwrap().starts_with("5."),
        "{info}"
    );
    assert_eq!(info["language_info"]["name"], kernel.language);
    assert_eq!(info["language_info"]["file_extension"], kernel.extension);
    assert!(
        info["banner"].is_string() && info["implementation"].is_string(),
        "{info}"
    );

    let hello = suite.execute(kernel.hello).await;
    let printed = suite.printed(&hello, "stdout", "hello\n").await;
    assert_eq!(printed, "hello\n");
    assert_eq!(hello.reply["status"], "ok");
    let [input] = hello.of_type("execute_input")[..] else {
        panic!("{:?}", hello.iopub);
    };
    assert_eq!(input["code"], kernel.hello);
    assert_eq!(input["execution_count"], hello.reply["execution_count"]);

    let complaint = suite.execute(kernel.complains.0).await;
    let (_, stream) = kernel.complains;
    suite.printed(&complaint, stream, "oops").await;
    let count = |exchange: &Exchange| exchange.reply["execution_count"].as_u64().unwrap();
    assert_eq!(count(&complaint), count(&hello) + 1);

    let failed = suite.execute(kernel.fails.0).await;
    assert_eq!(failed.reply["status"], "error");
    assert_eq!(failed.reply["ename"], kernel.fails.1);
    let [error] = failed.of_type("error")[..] else {
        panic!("{:?}", failed.iopub);
    };
    assert_eq!(error["ename"], kernel.fails.1);

    if let Some(code) = kernel.result {
        let result = suite.execute(code).await;
        let [shown] = result.of_type("execute_result")[..] else {
            panic!("{:?}", result.iopub);
        };
        assert!(
            shown["data"]["text/plain"].as_str().unwrap().contains("42"),
            "{shown}"
        );
        assert_eq!(shown["execution_count"], result.reply["execution_count"]);
    }
    let before = count(&suite.execute(kernel.hello).await);
    let silent = suite
        .execute_with(
            kernel.hello,
            json!({"silent": true, "store_history": false}),
        )
        .await;
    assert_eq!(silent.of_type("execute_input").is_empty(), kernel.is_silent);
    assert_eq!(count(&suite.execute(kernel.hello).await), before + 1);
}

/// What may be asked between executions.
async fn what_all_kernels_answer(kernel: &Kernel, suite: &mut Suite) {
    let (text, completed) = kernel.completes;
    let content = json!({"code": text, "cursor_pos": text.len()});
    let reply = suite.ask("complete_request", content).await.reply;
    assert_eq!(reply["status"], "ok");
    let matches = reply["matches"].as_array().unwrap();
    assert!(matches.iter().any(|found| found == completed), "{reply}");
    assert_eq!(reply["cursor_end"], text.len());

    for (at, word) in ["complete", "incomplete", "invalid"].iter().enumerate() {
        let code = kernel.complete.map_or(kernel.hello, |samples| samples[at]);
        let reply = suite
            .ask("is_complete_request", json!({"code": code}))
            .await
            .reply;
        let expected = if kernel.complete.is_some() {
            word
        } else {
            "unknown"
        };
        assert_eq!(reply["status"], expected, "{code}");
    }
    let content = json!({"code": text, "cursor_pos": 1, "detail_level": 0});
    let reply = suite.ask("inspect_request", content).await.reply;
    assert!(
        reply["status"] == "ok" && reply["found"].is_boolean(),
        "{reply}"
    );
    let content = json!({"output": false, "raw": true, "hist_access_type": "tail", "n": 2});
    let reply = suite.ask("history_request", content).await.reply;
    assert!(reply["history"].is_array(), "{reply}");
    let reply = suite.ask("comm_info_request", json!({})).await.reply;
    assert_eq!(reply["comms"], json!({}));
}

async fn is_interrupted_and_goes_on(kernel: &Kernel, suite: &mut Suite) {
    let Some(endless) = kernel.endless else {
        return;
    };
    let content = request(endless, &json!({}));
    let id = suite.send(Channel::Shell, "execute_request", content).await;
    let begun = |record: &Record| {
        record.parent_header()["msg_id"] == id
            && record.content()["text"]
                .as_str()
                .is_some_and(|text| text.contains("begun"))
    };
    suite.job.record(begun).await;
    let force_signal = false;
    let interrupt = Command::Interrupt { force_signal };
    suite.job.client.request(interrupt).await.unwrap();
    let ended = suite.answer(Channel::Shell, "execute_request", &id).await;
    assert_ne!(ended.reply["status"], "ok");
    let hello = suite.execute(kernel.hello).await;
    assert_eq!(hello.text("stdout"), "hello\n");
}

async fn suite(kernel: Kernel) -> Suite {
    let mut suite = Suite::start(&kernel).await;
    what_all_kernels_do(&kernel, &mut suite).await;
    what_all_kernels_answer(&kernel, &mut suite).await;
    is_interrupted_and_goes_on(&kernel, &mut suite).await;
    suite
}

#[tokio::test]
async fn bash_kernel_speaks_jupyter() {
    let mut suite = suite(kernels::bash()).await;
    suite.job.shutdown().await;
}

#[tokio::test]
async fn deno_speaks_jupyter() {
    let mut suite = suite(kernels::deno()).await;
    let code = "await Deno.jupyter.broadcast('display_data', {data: {'text/html': '<b>x</b>'}, metadata: {}, \
                transient: {display_id: 'd'}}); Deno.jupyter.html`<i>h</i>`";
    let shown = suite.execute(code).await;
    assert_eq!(
        shown.of_type("display_data")[0]["transient"]["display_id"],
        "d"
    );
    assert_eq!(
        shown.of_type("execute_result")[0]["data"]["text/html"],
        "<i>h</i>"
    );
    suite.job.shutdown().await;
}

#[tokio::test]
async fn ipykernel_speaks_jupyter() {
    let mut suite = suite(kernels::ipykernel()).await;
    displays(&mut suite).await;
    execute_options(&mut suite).await;
    comms_carry_bytes(&mut suite).await;
    input_is_asked_for(&mut suite).await;
    let content = json!({"type": "request", "seq": 1, "command": "debugInfo", "arguments": {}});
    let debug = suite
        .ask_on(Channel::Control, "debug_request", content)
        .await;
    assert_eq!(debug.reply["command"], "debugInfo");
    suite.job.shutdown().await;
}

async fn displays(suite: &mut Suite) {
    let code = "from IPython.display import clear_output, display\n\
                handle = display('one', display_id='d')\nhandle.update('two')\nclear_output(wait=True)";
    let shown = suite.execute(code).await;
    let kinds: Vec<&str> = shown.iopub.iter().map(|(kind, _)| kind.as_str()).collect();
    let expected = ["display_data", "update_display_data", "clear_output"];
    assert_eq!(kinds[2..5], expected, "{kinds:?}");
    assert_eq!(
        shown.of_type("update_display_data")[0]["transient"]["display_id"],
        "d"
    );
    assert_eq!(shown.of_type("clear_output")[0]["wait"], true);
    let pager = suite.execute("print?").await;
    assert_eq!(pager.reply["payload"][0]["source"], "page");
}

async fn execute_options(suite: &mut Suite) {
    let options = json!({"user_expressions": {"good": "40 + 2", "bad": "1 / 0"}});
    let reply = suite.execute_with("x = 1", options).await.reply;
    assert_eq!(
        reply["user_expressions"]["good"]["data"]["text/plain"],
        "42"
    );
    assert_eq!(
        reply["user_expressions"]["bad"]["ename"],
        "ZeroDivisionError"
    );

    let content = json!({"output": false, "raw": true, "hist_access_type": "tail", "n": 1});
    let history = suite.ask("history_request", content.clone()).await.reply;
    suite
        .execute_with("y = 2", json!({"store_history": false}))
        .await;
    assert_eq!(suite.ask("history_request", content).await.reply, history);

    let content = json!({"code": "zip", "cursor_pos": 3, "detail_level": 0});
    let reply = suite.ask("inspect_request", content).await.reply;
    assert_eq!(reply["found"], true);
    // What was sent before a failure is not run; unless the failure asks for nothing.
    for (stop, expected) in [(true, "aborted"), (false, "ok")] {
        let code = "import time; time.sleep(1); raise ValueError";
        let first = request(code, &json!({"stop_on_error": stop}));
        suite.send(Channel::Shell, "execute_request", first).await;
        let second = request("1", &json!({}));
        let id = suite.send(Channel::Shell, "execute_request", second).await;
        let reply = suite
            .job
            .record(|record| {
                record.channel == Channel::Shell && record.parent_header()["msg_id"] == id
            })
            .await;
        assert_eq!(reply.content()["status"], expected);
        suite.job.until_idle(&id).await;
    }
}

async fn comms_carry_bytes(suite: &mut Suite) {
    let code = "def opened(comm, message):\n    def heard(message):\n        \
                comm.send({'n': message['content']['data']['n'] + 1}, buffers=[bytes(reversed(b)) for b in message['buffers']])\n    \
                comm.on_msg(heard)\nget_ipython().kernel.comm_manager.register_target('mirror', opened)";
    assert_eq!(suite.execute(code).await.reply["status"], "ok");
    let open = json!({"comm_id": "c", "target_name": "mirror", "data": {}});
    let id = suite.send(Channel::Shell, "comm_open", open).await;
    suite.job.until_idle(&id).await;
    let outgoing = Outgoing {
        channel: Channel::Shell,
        msg_type: "comm_msg".to_owned(),
        msg_id: "bytes".to_owned(),
        content: json!({"comm_id": "c", "data": {"n": 1}}),
        metadata: Value::Null,
        parent_header: Value::Null,
        echo: None,
        buffers: vec![Bytes::from_static(b"\x00\x01\xff"), Bytes::new()],
    };
    let command = Command::Send(Box::new(outgoing));
    suite.job.client.request(command).await.unwrap();
    let back = suite
        .job
        .record(|record| {
            record.header()["msg_type"] == "comm_msg" && record.content()["comm_id"] == "c"
        })
        .await;
    assert_eq!(back.content()["data"]["n"], 2);
    assert_eq!(back.buffers()[0].as_ref(), b"\xff\x01\x00");
    assert_eq!(back.buffers()[1].len(), 0);
    let open = json!({"comm_id": "nobody", "target_name": "unknown", "data": {}});
    let id = suite.send(Channel::Shell, "comm_open", open).await;
    let seen = suite.job.until_idle(&id).await;
    let closed =
        |r: &Record| r.header()["msg_type"] == "comm_close" && r.content()["comm_id"] == "nobody";
    assert!(seen.iter().any(closed));
}

async fn input_is_asked_for(suite: &mut Suite) {
    let codes = [
        ("input('name? ')", "name? ", false),
        ("import getpass; getpass.getpass('key? ')", "key? ", true),
    ];
    for (code, prompt, is_secret) in codes {
        let content = request(code, &json!({"allow_stdin": true}));
        let id = suite.send(Channel::Shell, "execute_request", content).await;
        let asked = suite
            .job
            .record(|record| {
                record.channel == Channel::Stdin && record.parent_header()["msg_id"] == id
            })
            .await;
        assert_eq!(asked.content()["prompt"], prompt);
        assert_eq!(asked.content()["password"], is_secret);
        let outgoing = Outgoing {
            channel: Channel::Stdin,
            msg_type: "input_reply".to_owned(),
            msg_id: format!("{id}-answer"),
            content: json!({"value": "given", "status": "ok"}),
            metadata: Value::Null,
            parent_header: asked.header(),
            echo: None,
            buffers: Vec::new(),
        };
        let command = Command::Send(Box::new(outgoing));
        suite.job.client.request(command).await.unwrap();
        let ended = suite.answer(Channel::Shell, "execute_request", &id).await;
        assert_eq!(
            ended.of_type("execute_result")[0]["data"]["text/plain"],
            "'given'"
        );
    }
    let refused = suite.execute("input()").await;
    assert_eq!(refused.reply["ename"], "StdinNotImplementedError");
}
