//! Between the keeper's journal and the session's events.

use kernel::journal::{Channel as From, Record};
use kernel::protocol::{KeeperEvent, Outgoing};
use serde_json::{Value, json};
use session_core::{Channel, Event, JournalEntry, KernelInfo, KernelMessage};

/// Where the environment comes from, for a kernel in the interpreter as it is (4.7).
const ENV_SOURCE: &str = "uv:current_python";

/// The next step for a kernel that the system killed.
const MEMORY_HINT: &str =
    "\nHint: work on less at once, or let the machine's operator give notebooks more memory";

/// From which generation of the kernel on its life is news; what came before is history that the
/// session must not hear again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct News {
    pub(crate) starts: u64,
    pub(crate) deaths: u64,
}

impl News {
    /// Nothing was heard of this generation yet.
    pub(crate) fn since(generation: u64) -> Self {
        Self {
            starts: generation,
            deaths: generation,
        }
    }

    /// This generation was adopted as it ran: its start is history, its death is not.
    pub(crate) fn of_running(generation: u64) -> Self {
        Self {
            starts: generation + 1,
            deaths: generation,
        }
    }
}

/// What a batch of records means, in order.
pub(crate) fn events(records: Vec<Record>, news: News) -> Vec<Event> {
    let mut events = Vec::new();
    let mut entries = Vec::new();
    for record in records {
        let Some(event) = record.event() else {
            entries.extend(message(&record));
            continue;
        };
        match event {
            KeeperEvent::Sent {
                msg_type,
                msg_id,
                echo,
                ..
            } => {
                entries.push(note(&record, Channel::Sent, msg_type, Some(msg_id)));
                entries.extend(echo.map(|echo| said(&record, echo)));
                continue;
            }
            KeeperEvent::Dropped {
                parent,
                and_more: true,
                ..
            } => {
                entries.push(note(&record, Channel::Cut, String::new(), parent));
                continue;
            }
            KeeperEvent::Dropped {
                bytes,
                parent,
                disk_full,
                ..
            } => {
                entries.push(loss(&record, bytes, parent, disk_full));
                continue;
            }
            _ => {}
        }
        if let Some(event) = lifecycle(event, news) {
            if !entries.is_empty() {
                events.push(Event::Journal(std::mem::take(&mut entries)));
            }
            events.push(event);
        }
    }
    if !entries.is_empty() {
        events.push(Event::Journal(entries));
    }
    events
}

fn lifecycle(event: KeeperEvent, news: News) -> Option<Event> {
    match event {
        KeeperEvent::KernelStarted {
            generation,
            kernel_info,
            kernelspec,
            env_source,
            ..
        } if generation >= news.starts => Some(Event::KernelReady(info(
            &kernel_info,
            kernelspec.as_deref(),
            env_source,
        ))),
        KeeperEvent::LaunchFailed {
            generation,
            failure,
        } if generation >= news.starts => {
            let reason = match failure.class {
                kernel::FailureClass::MissingIpykernel => failure.class.as_str().to_owned(),
                // The document knows no codes for the others; the details say it.
                _ => String::new(),
            };
            Some(Event::KernelLaunchFailed {
                reason,
                details: failure.details(),
            })
        }
        KeeperEvent::KernelDied {
            generation,
            exit,
            stderr_tail,
        } if generation >= news.deaths => {
            let mut details = match exit.code {
                // As by `exit` in a cell.
                Some(0) => "the kernel was ended from within the notebook (exit code 0)".to_owned(),
                _ => format!("the kernel ended unexpectedly ({exit})"),
            };
            if let Some(line) = stderr_tail.iter().rev().find(|line| !line.is_empty()) {
                details.push_str(": ");
                details.push_str(line);
            }
            if exit.out_of_memory {
                details.push_str(MEMORY_HINT);
            }
            Some(Event::KernelDied { details })
        }
        _ => None,
    }
}

/// What the session needs to know about a kernel, from its `kernel_info_reply`, its kernelspec's name and what was said
/// of its environment.
pub(crate) fn info(
    reply: &Value,
    kernelspec: Option<&str>,
    env_source: Option<String>,
) -> KernelInfo {
    let language = reply["language_info"]["name"]
        .as_str()
        .unwrap_or("python")
        .to_owned();
    let name = match kernelspec {
        Some(kernelspec) => kernelspec.to_owned(),
        None if language == "python" => "python3".to_owned(),
        None => language.clone(),
    };
    let env_source = env_source.unwrap_or_else(|| match kernelspec {
        Some(kernelspec) => format!("kernelspec:{kernelspec}"),
        None => ENV_SOURCE.to_owned(),
    });
    KernelInfo {
        name,
        language,
        env_source,
    }
}

fn message(record: &Record) -> Option<JournalEntry> {
    let channel = match record.channel {
        From::Iopub => Channel::Iopub,
        From::Shell => Channel::Shell,
        From::Stdin => Channel::Stdin,
        From::Control => Channel::Control,
        // An event of a later version.
        From::Keeper => return None,
    };
    let header = record.header();
    let parent = record.parent_header();
    let mut msg_type = header["msg_type"].as_str().unwrap_or_default().to_owned();
    let mut content = record.content();
    if channel == Channel::Iopub && !content.is_object() {
        (msg_type, content) = unreadable(msg_type);
    }
    Some(JournalEntry {
        position: record.position,
        end: record.end,
        channel,
        msg_type,
        parent_msg_id: parent["msg_id"].as_str().map(str::to_owned),
        header,
        content,
        buffers: record
            .buffers()
            .iter()
            .map(|buffer| buffer.to_vec())
            .collect(),
    })
}

/// What stands in the document for a broadcast whose content nobody can read. An error stays one: that the cell
/// failed, its header says.
fn unreadable(msg_type: String) -> (String, Value) {
    let text = format!(
        "[an output is left out here: the kernel's message is no JSON, or nests deeper than {}]\n\
         Hint: show it as plain text instead\n",
        wire::json::DEEPEST
    );
    match msg_type.as_str() {
        "error" => {
            let evalue = "the kernel's message about it cannot be read";
            let content = json!({"ename": "Error", "evalue": evalue, "traceback": [text]});
            (msg_type, content)
        }
        "stream" | "display_data" | "execute_result" | "update_display_data" => {
            ("stream".to_owned(), json!({"name": "stderr", "text": text}))
        }
        _ => (msg_type, Value::Null),
    }
}

fn note(
    record: &Record,
    channel: Channel,
    msg_type: String,
    parent_msg_id: Option<String>,
) -> JournalEntry {
    JournalEntry {
        position: record.position,
        end: record.end,
        channel,
        msg_type,
        parent_msg_id,
        header: Value::Null,
        content: Value::Null,
        buffers: Vec::new(),
    }
}

/// An answer to the kernel, as a terminal shows it.
fn said(record: &Record, echo: kernel::protocol::Echo) -> JournalEntry {
    JournalEntry {
        header: json!({ "msg_type": "stream" }),
        content: json!({ "name": "stdout", "text": echo.text }),
        ..note(
            record,
            Channel::Iopub,
            "stream".to_owned(),
            Some(echo.parent),
        )
    }
}

/// What stands in the document for output that the keeper could not keep.
fn loss(record: &Record, bytes: u64, parent: Option<String>, disk_full: bool) -> JournalEntry {
    let mib = bytes.div_ceil(1024 * 1024);
    let text = if disk_full {
        format!(
            "[up to {mib} MiB of output are lost here: the disk of the workstation was full]\n\
             Hint: make space on the workstation (`runt workstation doctor` shows where), then run the cell again\n"
        )
    } else {
        format!(
            "[an output of {mib} MiB is left out here: it is too large]\n\
             Hint: write it to a file on the workstation instead\n"
        )
    };
    JournalEntry {
        position: record.position,
        end: record.end,
        channel: Channel::Iopub,
        msg_type: "stream".to_owned(),
        parent_msg_id: parent,
        header: json!({ "msg_type": "stream" }),
        content: json!({ "name": "stderr", "text": text }),
        buffers: Vec::new(),
    }
}

/// A session's message as the keeper takes it.
pub(crate) fn outgoing(message: KernelMessage) -> Outgoing {
    let channel = match message.channel {
        Channel::Control => From::Control,
        Channel::Stdin => From::Stdin,
        Channel::Shell | Channel::Iopub | Channel::Sent | Channel::Cut => From::Shell,
    };
    Outgoing {
        channel,
        msg_type: message.msg_type,
        msg_id: message.msg_id,
        content: message.content,
        metadata: message.metadata,
        parent_header: message.parent_header,
        echo: message.echo.map(|echo| kernel::protocol::Echo {
            parent: echo.execution_id,
            text: echo.text,
        }),
        buffers: message.buffers.into_iter().map(Into::into).collect(),
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use kernel::protocol::ExitCause;
    use kernel::{FailureClass, LaunchFailure};

    use super::*;

    fn event(event: &KeeperEvent) -> Record {
        Record {
            position: 8,
            end: 9,
            at_ms: 1,
            channel: From::Keeper,
            parts: vec![Bytes::from(serde_json::to_vec(event).unwrap())],
        }
    }

    #[test]
    fn what_was_lost_is_said_where_it_is_missing() {
        for (disk_full, word) in [(true, "disk"), (false, "too large")] {
            let dropped = KeeperEvent::Dropped {
                channel: From::Iopub,
                bytes: 5_000_000,
                parent: Some("e1".to_owned()),
                disk_full,
                and_more: false,
            };
            let told = events(vec![event(&dropped)], News::default());
            let [Event::Journal(entries)] = told.as_slice() else {
                panic!("{told:?}")
            };
            assert_eq!(entries[0].parent_msg_id.as_deref(), Some("e1"));
            assert_eq!(entries[0].content["name"], "stderr");
            let text = entries[0].content["text"].as_str().unwrap();
            assert!(text.contains("5 MiB") && text.contains(word) && text.contains("\nHint: "));
        }
    }

    /// The journal entry of a broadcast with this content.
    fn broadcast(msg_type: &str, content: &[u8]) -> JournalEntry {
        let header = json!({"msg_type": msg_type}).to_string();
        let parent = json!({"msg_id": "e1"}).to_string();
        let parts = [header.as_bytes(), parent.as_bytes(), b"{}", content];
        let record = Record {
            position: 8,
            end: 9,
            at_ms: 1,
            channel: From::Iopub,
            parts: parts.map(Bytes::copy_from_slice).to_vec(),
        };
        let told = events(vec![record], News::default()).pop();
        let Some(Event::Journal(mut entries)) = told else {
            panic!("{told:?}")
        };
        entries.pop().unwrap()
    }

    // Such a message vanished, and an exception among them counted as success.
    #[test]
    fn what_a_kernel_writes_that_is_no_strict_json_is_taken() {
        let check = |content: &[u8], pointer: &str, expected: Value| {
            let entry = broadcast("display_data", content);
            let shown = String::from_utf8_lossy(content);
            assert_eq!(entry.msg_type, "display_data", "{shown}");
            assert_eq!(entry.content.pointer(pointer), Some(&expected), "{shown}");
        };
        check(b"{\"data\": \"caf\xe9\"}", "/data", json!("caf\u{fffd}"));
        check(br#"{"data": "a \ud83d"}"#, "/data", json!("a \u{fffd}"));
        check(
            b"{\"data\": {\"a\": NaN, \"b\": -Infinity}}",
            "/data",
            json!({"a": null, "b": null}),
        );
        check(b"{\"data\": [1e400, 1]}", "/data", json!([null, 1]));
        let deep = format!("{{\"data\": {}1{}}}", "[".repeat(200), "]".repeat(200));
        check(
            deep.as_bytes(),
            &format!("/data{}", "/0".repeat(200)),
            json!(1),
        );
    }

    #[test]
    fn what_nobody_can_read_is_said_and_an_error_stays_one() {
        let deep = format!("{{\"data\": {}{}}}", "[".repeat(2000), "]".repeat(2000));
        for content in [&b"{\"name\":"[..], b"", b"7", deep.as_bytes()] {
            for kind in [
                "stream",
                "display_data",
                "execute_result",
                "update_display_data",
            ] {
                let entry = broadcast(kind, content);
                assert_eq!(entry.msg_type, "stream", "{kind}");
                assert_eq!(entry.content["name"], "stderr");
                let text = entry.content["text"].as_str().unwrap();
                assert!(
                    text.contains("left out") && text.contains("\nHint: "),
                    "{text}"
                );
            }
            let entry = broadcast("error", content);
            assert_eq!(entry.msg_type, "error");
            assert!(
                entry.content["traceback"][0]
                    .as_str()
                    .unwrap()
                    .contains("left out")
            );
            assert_eq!(broadcast("status", content).content, Value::Null);
        }
    }

    #[test]
    fn what_became_of_a_kernel_that_was_replaced_is_no_news() {
        let died = |generation| KeeperEvent::KernelDied {
            generation,
            exit: ExitCause::default(),
            stderr_tail: Vec::new(),
        };
        let started = |generation| KeeperEvent::KernelStarted {
            generation,
            pid: 1,
            kernel_info: json!({}),
            kernelspec: None,
            env_source: None,
        };
        // The second kernel was ordered before anybody had read that the first had come and gone.
        let journal = [started(1), died(1), started(2), died(2)];
        let told = events(journal.iter().map(event).collect(), News::since(2));
        let [Event::KernelReady(_), Event::KernelDied { .. }] = told.as_slice() else {
            panic!("{told:?}")
        };
    }

    #[test]
    fn a_kernel_that_ran_out_of_memory_is_said_to_have() {
        let died = |out_of_memory| {
            let died = KeeperEvent::KernelDied {
                generation: 1,
                exit: ExitCause {
                    signal: Some(9),
                    out_of_memory,
                    ..ExitCause::default()
                },
                stderr_tail: vec!["last words".to_owned()],
            };
            match events(vec![event(&died)], News::default()).pop() {
                Some(Event::KernelDied { details }) => details,
                other => panic!("{other:?}"),
            }
        };
        let told = died(true);
        assert!(
            told.contains("out of memory") && told.contains("last words\nHint: "),
            "{told}"
        );
        assert_eq!(
            died(false),
            "the kernel ended unexpectedly (signal 9): last words"
        );
    }

    // WS-294 WS-295
    #[test]
    fn a_failed_launch_is_told_whatever_its_class() {
        for class in [
            FailureClass::MissingIpykernel,
            FailureClass::RetryableStartupTransport,
            FailureClass::PortBind,
            FailureClass::ProcessExited,
            FailureClass::StartupTimeout,
            FailureClass::ToolBootstrap,
            FailureClass::Misconfiguration,
            FailureClass::Unsupported,
            FailureClass::Other,
        ] {
            let mut failure = LaunchFailure::new(class, "it broke");
            failure.stderr_tail = vec!["last words".to_owned()];
            let event = KeeperEvent::LaunchFailed {
                generation: 1,
                failure,
            };
            let Some(Event::KernelLaunchFailed { details, .. }) = lifecycle(event, News::default())
            else {
                panic!("{class:?} is not told");
            };
            assert_eq!(details, "it broke\nlast words");
        }
    }
}
