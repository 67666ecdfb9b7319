//! `runt workstation drain`: finish what runs and take nothing new.

use std::time::Duration;

use anyhow::Result;
use tokio::time::sleep;
use workstation::Order;

use super::{Here, served};
use crate::printer::Printer;
use crate::words;

/// How often is looked whether the last notebook has gone.
const TICK: Duration = Duration::from_millis(500);

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Take new notebooks again.
    #[arg(long, conflicts_with = "wait")]
    undo: bool,
    /// Return when the last notebook is gone.
    #[arg(long)]
    wait: bool,
}

pub async fn run(args: Args, printer: &Printer) -> Result<()> {
    let here = Here::find()?;
    if args.undo {
        here.tell(&Order::Undrain).await?;
        printer.line("Taking new notebooks again");
        return Ok(());
    }
    let agent = here.tell(&Order::Drain).await?;
    let mut left = served(&agent.status);
    printer.line(&match left {
        0 => "Draining: nothing runs, and no new notebooks are taken".to_owned(),
        left => format!(
            "Draining: {} may finish, no new ones are taken",
            words::count(left, "notebook")
        ),
    });
    while args.wait && left > 0 {
        sleep(TICK).await;
        left = here.agent().await?.map_or(0, |agent| served(&agent.status));
    }
    if !args.wait {
        printer.note("`runt workstation drain --undo` takes new ones again");
    }
    Ok(())
}
