//! `runtimed run`: executes a notebook file on this machine, without a cloud.

mod target;

use std::collections::HashMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, Result};
use documents::hosted_file::{self, HostedFile};
use documents::ipynb::{self, ExportNotebook};
use documents::{DeclaredEnvironment, WantedKernelspec};
use kernel::client::KeeperCommand;
use runtime_peer::{RunConfig, RunFailure, RunResult, run_notebook};
use serde_json::Value;
use uuid::Uuid;

use target::Target;

/// Seconds that a keeper lives whose run was killed.
const ORPHAN_SECONDS: &str = "30";
/// The largest notebook file that is read.
const MAX_FILE_BYTES: u64 = 1024 * 1024 * 1024;

const EXIT_CODES: &str = "\
Exit codes: 0 every cell ran; 1 a cell failed; 2 the notebook cannot be read or written; \
3 the kernel could not be started or ended; 4 a cell took longer than --timeout; 130 interrupted. \
What was run until then is written in every case but 2.";

/// Execute a notebook file on this machine, without a cloud.
#[derive(Debug, clap::Args)]
#[command(after_help = EXIT_CODES)]
#[command(group(clap::ArgGroup::new("to").required(true)))]
pub struct Args {
    /// The notebook.
    notebook: PathBuf,
    /// Where the executed notebook is written; `-` is standard output.
    #[arg(long, short, group = "to", value_name = "FILE")]
    output: Option<PathBuf>,
    /// Write the outputs into the notebook itself.
    #[arg(long, group = "to")]
    inplace: bool,
    /// Run the cells after a failed one too; a failed cell is no failure of the run.
    #[arg(long)]
    allow_errors: bool,
    /// Seconds that one cell may take; the kernel's start does not count.
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    timeout: Option<Duration>,
    /// The kernel by the name of its kernelspec, instead of the one that the notebook names.
    #[arg(long, value_name = "NAME")]
    kernel: Option<String>,
    /// The Python that runs Python notebooks [default: the active environment's, else the first on PATH].
    #[arg(long, value_name = "PATH")]
    python: Option<PathBuf>,
    /// Where the kernel starts [default: the notebook's folder].
    #[arg(long, alias = "cwd", value_name = "FOLDER")]
    working_dir: Option<PathBuf>,
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "not a number".to_owned())?;
    match Duration::try_from_secs_f64(seconds) {
        Ok(limit) if !limit.is_zero() => Ok(limit),
        _ => Err("must be more than 0".to_owned()),
    }
}

/// Runs the notebook; the exit code says how that went.
pub fn run(args: &Args) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let ended = runtime
        .map_err(anyhow::Error::from)
        .and_then(|runtime| runtime.block_on(Box::pin(execute(args))));
    let failure = match ended {
        Ok(None) => return ExitCode::SUCCESS,
        Ok(Some(failure)) => failure,
        Err(error) => {
            say(&format!("{error:#}"));
            return ExitCode::from(2);
        }
    };
    say(&failure.to_string());
    let (code, hint) = match failure {
        RunFailure::Cell { .. } => (
            1,
            "the traceback is in the output; `--allow-errors` runs the other cells all the same",
        ),
        RunFailure::Timeout { .. } => (4, "allow more time with `--timeout`"),
        RunFailure::Kernel(details) if details.contains("Hint:") => (3, ""),
        RunFailure::Kernel(_) => (3, "choose a kernel with `--kernel` or `--python`"),
        RunFailure::Died(_) => (3, ""),
        RunFailure::Interrupted => (130, ""),
        RunFailure::Local(_) => (2, ""),
    };
    if !hint.is_empty() {
        say(&format!("Hint: {hint}"));
    }
    ExitCode::from(code)
}

/// Writes a line to stderr. The terminal may be gone; that ends no run.
fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

async fn execute(args: &Args) -> Result<Option<RunFailure>> {
    let input = read(&args.notebook)?;
    let output = Target::named(args.output.as_deref().unwrap_or(&args.notebook));
    // What cannot be written is refused before hours of work.
    text(&input.gathered, &HashMap::new())
        .and_then(|_| output.check())
        .with_context(|| format!("`{output}` cannot be written"))?;
    let job = tempfile::tempdir().context("no folder for temporary files")?;
    let config = config(args, input.kernel, input.environment, job.path())?;
    let result = Box::pin(run_notebook(input.file, config)).await;
    let result = match result {
        Ok(result) => result,
        Err(failure) => return Ok(Some(failure)),
    };
    executed(&result)
        .and_then(|text| output.write(&text))
        .with_context(|| format!("`{output}` cannot be written"))?;
    say(&format!("ran {} cells, wrote {output}", result.ran));
    Ok(result.failure)
}

struct Input {
    file: HostedFile,
    gathered: ExportNotebook,
    /// The kernel that the metadata names.
    kernel: Option<WantedKernelspec>,
    /// The environment that the notebook declares.
    environment: Option<DeclaredEnvironment>,
}

fn read(path: &Path) -> Result<Input> {
    let shown = path.display();
    let size = std::fs::metadata(path).with_context(|| format!("`{shown}` cannot be read"))?;
    anyhow::ensure!(
        size.len() <= MAX_FILE_BYTES,
        "`{shown}` is larger than {} MiB",
        MAX_FILE_BYTES / (1024 * 1024)
    );
    let content =
        std::fs::read_to_string(path).with_context(|| format!("`{shown}` cannot be read"))?;
    let mut new_id = || Uuid::new_v4().to_string();
    // Cells without an id get the same ones each time.
    let namespace = Uuid::new_v5(&Uuid::NAMESPACE_URL, shown.to_string().as_bytes());
    let file = ipynb::import(&content, namespace, &|_| false, &mut new_id);
    let file = file.map_err(|cause| anyhow::anyhow!("`{shown}` cannot be read: {cause}"))?;
    let kernel = kernel_of(&file.metadata);
    let is_empty = file.cells.is_empty();
    let mut file = hosted_file::open("", file, &mut Uuid::new_v4)
        .with_context(|| format!("`{shown}` cannot be read"))?;
    if is_empty {
        // The page needs a cell to begin with; a file does not.
        file.notebook.clear_cells()?;
    }
    let blobs: HashMap<&str, &Vec<u8>> = file
        .blobs
        .iter()
        .map(|blob| (blob.sha256.as_str(), &blob.bytes))
        .collect();
    let lookup = |hash: &str| blobs.get(hash).map(|bytes| (*bytes).clone());
    let gathered = hosted_file::gather(&file.notebook, &file.runtime, &file.comms, &lookup)?;
    let environment = environment_of(&file);
    Ok(Input {
        file,
        gathered,
        kernel,
        environment,
    })
}

fn environment_of(file: &HostedFile) -> Option<DeclaredEnvironment> {
    let cells = file.notebook.cells();
    let code = cells.iter().filter(|cell| cell.cell_type == "code");
    let runt = file.notebook.metadata().and_then(|metadata| metadata.runt);
    let runt = runt.map(Value::Object);
    DeclaredEnvironment::of(code.map(|cell| cell.source.as_str()), runt.as_ref())
}

/// The kernel that a notebook's metadata names; the usual names of Python's own mean the interpreter here.
fn kernel_of(metadata: &Value) -> Option<WantedKernelspec> {
    let word = |pointer: &str| metadata.pointer(pointer).and_then(Value::as_str);
    let name =
        word("/kernelspec/name").filter(|name| !matches!(*name, "" | "python" | "python3"))?;
    let language = word("/kernelspec/language").or(word("/language_info/name"));
    Some(WantedKernelspec {
        name: name.to_owned(),
        language: language.unwrap_or("python").to_lowercase(),
    })
}

fn config(
    args: &Args,
    named: Option<WantedKernelspec>,
    environment: Option<DeclaredEnvironment>,
    job_dir: &Path,
) -> Result<RunConfig> {
    let here = std::env::current_dir().context("the current folder is not usable")?;
    let folder = args.notebook.parent().unwrap_or(Path::new(""));
    let program = std::env::current_exe().context("this program cannot be found")?;
    let asked = args.kernel.as_ref().map(|name| WantedKernelspec {
        name: name.clone(),
        // A kernel that was asked for by name has no substitute, but for Python's own name.
        language: match name.as_str() {
            "python" | "python3" => "python".to_owned(),
            _ => String::new(),
        },
    });
    let python = args.python.as_ref().map(|python| {
        // A bare name is looked up on PATH by the system.
        if python.components().count() > 1 {
            here.join(python)
        } else {
            python.clone()
        }
    });
    Ok(RunConfig {
        python: kernel::interpreter::find(python.as_deref(), |name| std::env::var_os(name)),
        kernel: asked.or(named),
        environment,
        progress: |text| say(&format!("preparing environment: {text}")),
        working_dir: here.join(args.working_dir.as_deref().unwrap_or(folder)),
        job_dir: job_dir.to_owned(),
        keeper: KeeperCommand {
            program,
            args: ["kernel-keeper", "--orphan-after", ORPHAN_SECONDS]
                .map(Into::into)
                .to_vec(),
        },
        confinement: crate::confined::usual(),
        allow_errors: args.allow_errors,
        cell_timeout: args.timeout,
    })
}

/// The text of a notebook file; a file holds all bytes itself.
fn text(notebook: &ExportNotebook, blobs: &HashMap<String, Vec<u8>>) -> Result<String> {
    let lookup = |hash: &str| blobs.get(hash).cloned();
    let mut notebook = notebook.clone();
    ipynb::fit(&mut notebook, &|hash| blobs.contains_key(hash));
    Ok(ipynb::export_with_bytes(&notebook, &lookup)?)
}

/// The text of the executed notebook.
fn executed(result: &RunResult) -> Result<String> {
    let lookup = |hash: &str| result.blobs.get(hash).cloned();
    let (cells, state) = (&result.notebook, &result.state);
    let mut notebook = hosted_file::gather(cells, state, &result.comms, &lookup)?;
    if result.language_info.is_object() && notebook.metadata.is_object() {
        notebook.metadata["language_info"] = result.language_info.clone();
    }
    text(&notebook, &result.blobs)
}
