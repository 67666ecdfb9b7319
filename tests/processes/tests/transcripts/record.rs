//! The lines of a recorded conversation.

use std::path::Path;

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

/// One line, in the order of time.
#[derive(Debug, Clone)]
pub struct Line {
    /// Number of the exchange or socket.
    pub n: u64,
    /// What the line says.
    pub step: Step,
}

/// What a line says.
#[derive(Debug, Clone)]
pub enum Step {
    /// A request; its answer is taken from the later line of the same number.
    Http { request: Value, response: Value },
    /// A dial; its answer is taken from the later line of the same number.
    Dial { request: Value, response: Value },
    /// Something that the client sent on a socket.
    Client(Said),
    /// Something that the server sent on a socket.
    Server(Said),
    /// A side went away.
    End { by_client: bool },
}

/// What was said on a socket.
#[derive(Debug, Clone, PartialEq)]
pub enum Said {
    /// A frame of JSON: its type byte and its body.
    Frame(u8, Value),
    /// A frame of document sync, which a live replica makes anew.
    Sync,
    /// A text message.
    Text(Value),
    /// A close with its code and reason, when they were given.
    Close(Option<(u16, String)>),
}

/// Reads a recording and joins requests with their answers.
pub fn read(name: &str) -> Result<Vec<Line>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../vectors/transcripts")
        .join(format!("{name}.jsonl"));
    let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let lines: Vec<Value> = text
        .lines()
        .map(serde_json::from_str)
        .collect::<Result<_, _>>()?;
    let answer = |n: &Value, kind: &str| {
        lines
            .iter()
            .find(|line| line["n"] == *n && line["kind"] == kind)
            .cloned()
            .with_context(|| format!("{n} has no {kind}"))
    };
    let mut steps = Vec::new();
    for line in &lines {
        let n = line["n"].as_u64().context("a line without a number")?;
        let step = match line["kind"].as_str().unwrap_or_default() {
            "http_request" => Step::Http {
                request: line.clone(),
                response: answer(&line["n"], "http_response")?,
            },
            "ws_upgrade_request" => Step::Dial {
                request: line.clone(),
                response: answer(&line["n"], "ws_upgrade_response")?,
            },
            "http_response" | "ws_upgrade_response" => continue,
            "ws_frame" => {
                let Some(said) = said(line)? else { continue };
                if line["dir"] == "client->server" {
                    Step::Client(said)
                } else {
                    Step::Server(said)
                }
            }
            "ws_end" => Step::End {
                by_client: line["by"] == "client",
            },
            other => bail!("unknown kind {other}"),
        };
        steps.push(Line { n, step });
    }
    Ok(steps)
}

fn said(line: &Value) -> Result<Option<Said>> {
    Ok(Some(match line["opcode"].as_str() {
        Some("close") => Said::Close(line["code"].as_u64().map(|code| {
            let reason = line["reason"].as_str().unwrap_or_default().to_owned();
            (u16::try_from(code).unwrap_or_default(), reason)
        })),
        Some("text") => Said::Text(match &line["json"] {
            Value::Null => line["text"].clone(),
            json => json.clone(),
        }),
        Some("binary") => {
            let kind = line["frame_type"].as_str().context("no frame type")?;
            let kind = u8::from_str_radix(kind.get(2..4).context("short type")?, 16)?;
            match kind {
                0x00 | 0x05 | 0x09 | 0x0a => Said::Sync,
                _ => Said::Frame(kind, line["json"].clone()),
            }
        }
        // The recorder read the body of a refused upgrade as a frame.
        _ => return Ok(None),
    }))
}
