//! Measures this software, side by side with Jupyter Server where that does the same, and writes the pages of results.
//! Run it by `cargo xtask bench`, which builds and installs what it needs.

mod comparison;
mod endurance;
mod idle;
mod jupyter;
mod measure;
mod ours;
mod report;

use std::path::PathBuf;

use anyhow::{Context, Result, bail};

/// How often each scenario is run on each side unless told otherwise; the median counts.
const ROUNDS: usize = 9;

/// The clients of both sides are this program's; theirs should cost little beside what is measured.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const USAGE: &str =
    "usage: bench PYTHON OUTPUT.md (outputs [ROUNDS] | endurance RUNS | idle-agent SECONDS)";

#[tokio::main]
async fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let python = PathBuf::from(arguments.next().context(USAGE)?);
    let page = PathBuf::from(arguments.next().context(USAGE)?);
    let what = arguments.next().context(USAGE)?;
    let number = arguments.next().map(|number| number.parse()).transpose();
    let number: Option<usize> = number.context(USAGE)?;
    match (what.as_str(), number) {
        ("outputs", rounds) => comparison::run(&python, &page, rounds.unwrap_or(ROUNDS)).await,
        ("endurance", Some(runs)) => endurance::run(&python, &page, runs).await,
        ("idle-agent", Some(seconds)) => idle::run(&python, &page, seconds as u64).await,
        _ => bail!(USAGE),
    }
}
