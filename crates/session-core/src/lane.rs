//! The outputs of one execution on their way into the document.

use documents::manifest::{self, Blob, BuildOptions};
use documents::terminal::Terminal;
use serde_json::{Value, json};
use uuid::Uuid;
use wire::UnixMs;

use crate::settings::Settings;

/// The namespace of output ids; never changes, or a restarted peer would write outputs twice.
const OUTPUT_NAMESPACE: Uuid = Uuid::from_u128(0x8f1c_4a52_6f0e_4c0b_9d6e_2b7a_51c3_e0d4);

/// The id of an output, from what is the same whenever the journal is read.
pub(crate) fn output_id(execution_id: &str, position: u64, part: u32) -> String {
    let name = format!("{execution_id}:{position}:{part}");
    Uuid::new_v5(&OUTPUT_NAMESPACE, name.as_bytes()).to_string()
}

/// The id of the entry that goes on where another could not grow any more.
pub(crate) fn continuation_id(output_id: &str, number: u32) -> String {
    let name = format!("{output_id}+{number}");
    Uuid::new_v5(&OUTPUT_NAMESPACE, name.as_bytes()).to_string()
}

/// The stream entry being written.
#[derive(Debug)]
struct Stream {
    name: String,
    terminal: Terminal,
    position: u64,
    part: u32,
    unwritten: usize,
    last_write: Option<UnixMs>,
    /// Whether its execution had ended when its last chunk came.
    late: bool,
}

/// When a chunk of text comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arrival {
    /// While its execution runs.
    Live,
    /// When its execution has ended: what it belongs to cannot grow, so that it is written once.
    Late,
    /// While the journal is read again: the document may show more already, so that it is held back.
    Again,
}

/// The text of a stream entry, and which part it is of the stream that began at a position of the journal.
#[derive(Debug)]
pub(crate) struct StreamText {
    pub position: u64,
    pub part: u32,
    pub text: String,
}

/// A stream entry to be written.
pub(crate) struct Written {
    pub output_id: String,
    pub manifest: Value,
    pub blobs: Vec<Blob>,
    pub text: StreamText,
}

impl Written {
    pub fn new(output_id: String, name: &str, stream: StreamText) -> Self {
        let StreamText {
            position,
            part,
            text,
        } = stream;
        let mut output = json!({"output_type": "stream", "name": name});
        output["text"] = Value::String(text);
        let (manifest, blobs) = match manifest::build(&output, &BuildOptions::live(&output_id)) {
            Ok(built) => (built.manifest, built.blobs),
            Err(_) => (manifest::raw_fallback(&output, &output_id), Vec::new()),
        };
        let text = match output["text"].take() {
            Value::String(text) => text,
            _ => String::new(),
        };
        Self {
            output_id,
            manifest,
            blobs,
            text: StreamText {
                position,
                part,
                text,
            },
        }
    }
}

/// One execution's outputs.
#[derive(Debug, Default)]
pub(crate) struct Lane {
    stream: Option<Stream>,
    /// The `seq` of the next output, once known.
    pub next_seq: Option<u64>,
    /// Bytes of output since it began or was cleared.
    pub bytes: u64,
    /// Where that output begins.
    pub from: Option<u64>,
    /// Whether the cap's notice was given.
    pub capped: bool,
    /// Whether output beyond the cap is not kept elsewhere yet.
    pub spilled: bool,
    /// A `clear_output` that waits for the next output.
    pub clear_pending: bool,
}

impl Lane {
    /// When unwritten text is due.
    pub fn due(&self, settings: &Settings) -> Option<UnixMs> {
        let stream = self.stream.as_ref().filter(|stream| stream.unwritten > 0)?;
        Some(
            stream
                .last_write
                .map_or(UnixMs(i64::MIN), |at| at.plus(settings.stream_flush_ms)),
        )
    }

    /// Takes a chunk; returns the entries to write now. A chunk of the other stream ends this one.
    #[allow(clippy::too_many_arguments)] // one chunk and the circumstances it comes in
    pub fn chunk(
        &mut self,
        execution_id: &str,
        position: u64,
        name: &str,
        text: &str,
        now: UnixMs,
        settings: &Settings,
        arrival: Arrival,
    ) -> Vec<Written> {
        let mut out = Vec::new();
        if self
            .stream
            .as_ref()
            .is_some_and(|stream| stream.name != name)
        {
            out.extend(self.end_stream(execution_id));
        }
        let stream = self.stream.get_or_insert_with(|| Stream {
            name: name.to_owned(),
            terminal: Terminal::new(),
            position,
            part: 0,
            unwritten: 0,
            last_write: None,
            late: false,
        });
        stream.late = arrival == Arrival::Late;
        stream.terminal.feed(text);
        stream.unwritten += text.len();
        // Sealing depends on the text alone, so that a second reading gives the same entries.
        if let Some(sealed) = stream.terminal.take_sealed(settings.seal_bytes) {
            out.push(stream.entry(execution_id, sealed));
            stream.part += 1;
            stream.unwritten = 1;
            stream.last_write.get_or_insert(now);
        }
        let first = stream.last_write.is_none();
        if arrival == Arrival::Live && (first || stream.unwritten >= settings.stream_flush_bytes) {
            out.extend(self.flush(execution_id, now));
        }
        out
    }

    /// Writes the live text if there is any unwritten.
    pub fn flush(&mut self, execution_id: &str, now: UnixMs) -> Option<Written> {
        let stream = self.stream.as_mut().filter(|stream| stream.unwritten > 0)?;
        stream.unwritten = 0;
        stream.last_write = Some(now);
        // More may follow in another entry.
        let text = if stream.late {
            stream.terminal.render_open()
        } else {
            stream.terminal.render()
        };
        (!text.is_empty()).then(|| stream.entry(execution_id, text))
    }

    /// Writes the rest and forgets the terminal.
    pub fn end_stream(&mut self, execution_id: &str) -> Option<Written> {
        let written = self.flush(execution_id, UnixMs(0));
        self.stream = None;
        written
    }

    /// Begins anew after what was there is cleared.
    pub fn clear(&mut self) {
        let next_seq = self.next_seq.take();
        *self = Self {
            next_seq,
            ..Self::default()
        };
    }

    /// Whether all that was said is written.
    pub fn is_written(&self) -> bool {
        self.stream.is_none()
    }
}

impl Stream {
    fn entry(&self, execution_id: &str, text: String) -> Written {
        let (position, part) = (self.position, self.part);
        let stream = StreamText {
            position,
            part,
            text,
        };
        Written::new(output_id(execution_id, position, part), &self.name, stream)
    }
}
