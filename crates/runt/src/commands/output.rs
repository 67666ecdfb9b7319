//! `runt workstation output`: what a cell printed, from the job's folder.

use std::io::{BufWriter, ErrorKind, Write};

use anyhow::{Context as _, Result, bail};
use kernel::journal::{Channel, JournalError, Record, read_output};
use serde_json::{Map, Value};
use workstation::job_places;

use super::Here;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The execution, as the notice in the notebook names it.
    execution: String,
    /// Print every output as Jupyter writes it, one JSON object on each line.
    #[arg(long)]
    json: bool,
}

pub fn run(args: &Args) -> Result<()> {
    let here = Here::find()?;
    let mut out = BufWriter::new(std::io::stdout().lock());
    for place in job_places(&here.folders) {
        let read = read_output(&place.folder, &args.execution, |record| {
            if args.json {
                json_line(record, &mut out)
            } else {
                text(record, &mut out)
            }
        });
        let read = read.and_then(|any| Ok((any, out.flush()?)));
        match read {
            Ok((false, ())) => {}
            Ok((true, ())) => return Ok(()),
            // A closed pipe is the reader's choice, not our error.
            Err(JournalError::Io(error)) if error.kind() == ErrorKind::BrokenPipe => return Ok(()),
            Err(error) => {
                return Err(error).with_context(|| {
                    format!("cannot print what is kept in {}", place.folder.display())
                });
            }
        }
    }
    bail!(
        "this machine has kept nothing of the execution {:?}\n\
         Hint: what a notebook shows whole is not kept here; copy the command from the notice in the notebook, and run it on the machine that ran the cell",
        args.execution
    )
}

/// The nbformat output of a broadcast that is one.
fn output(record: &Record) -> Option<Map<String, Value>> {
    let header = record.header();
    let kind = header["msg_type"].as_str()?;
    if !matches!(kind, "stream" | "display_data" | "execute_result" | "error") {
        return None;
    }
    let Value::Object(mut output) = record.content() else {
        return None;
    };
    output.remove("transient");
    output.insert("output_type".to_owned(), kind.into());
    Some(output)
}

fn json_line(record: &Record, out: &mut impl Write) -> std::io::Result<()> {
    match output(record) {
        Some(output) => writeln!(out, "{}", Value::from(output)),
        None => Ok(()),
    }
}

fn text(record: &Record, out: &mut impl Write) -> std::io::Result<()> {
    if record.channel == Channel::Keeper {
        return writeln!(
            out,
            "\n[output is missing here: it was too large to be kept]"
        );
    }
    let Some(output) = output(record) else {
        return Ok(());
    };
    let shown = |text: &Value| text.as_str().unwrap_or_default().to_owned();
    match (output.get("data"), output.get("traceback")) {
        (Some(data), _) if data["text/plain"].is_string() => {
            writeln!(out, "{}", shown(&data["text/plain"]))
        }
        (Some(data), _) => {
            let types = data.as_object().into_iter().flatten();
            let types: Vec<_> = types.map(|(mime, _)| mime.as_str()).collect();
            writeln!(out, "[{}]", types.join(", "))
        }
        (None, Some(lines)) => {
            let lines = lines.as_array().into_iter().flatten();
            lines
                .map(shown)
                .try_for_each(|line| writeln!(out, "{line}"))
        }
        (None, None) => write!(out, "{}", shown(output.get("text").unwrap_or(&Value::Null))),
    }
}
