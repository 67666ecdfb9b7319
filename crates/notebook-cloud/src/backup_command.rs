//! `notebook-cloud backup` and `notebook-cloud restore`.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use server::backup;
use server::config::{ConfigError, bucket, database};

use crate::settings_args::PlaceArgs;

/// Write accounts, documents and blobs of one moment to a file.
#[derive(Debug, Args)]
pub struct BackupArgs {
    #[command(flatten)]
    place: PlaceArgs,
    /// The file to write; it must not be there yet.
    #[arg(long, value_name = "FILE")]
    to: PathBuf,
}

/// Make a data directory from a backup.
#[derive(Debug, Args)]
pub struct RestoreArgs {
    /// A file that `notebook-cloud backup` wrote.
    #[arg(long, value_name = "FILE")]
    from: PathBuf,
    #[command(flatten)]
    place: PlaceArgs,
}

/// Writes a backup and says what is in it.
pub async fn backup(args: &BackupArgs) -> Result<()> {
    let settings = args.place.settings()?;
    let data = settings.data.as_deref().ok_or(ConfigError::Data)?;
    let made = backup::backup(&database(&settings)?, bucket(&settings)?, data, &args.to).await?;
    println!(
        "{} holds everything as of {}, with {} blobs",
        args.to.display(),
        made.moment,
        made.blobs
    );
    Ok(())
}

/// Restores a backup and says what comes after.
pub async fn restore(args: &RestoreArgs) -> Result<()> {
    let settings = args.place.settings()?;
    let data = settings.data.as_deref().ok_or(ConfigError::Data)?;
    let restored = backup::restore(&args.from, bucket(&settings)?, data).await?;
    let moment = restored.moment();
    println!("{} is as of {moment}", data.display());
    println!(
        "Hint: machines paired after that must be paired again; people and machines that were shut out \
         after it are not: look at both before you start `notebook-cloud serve --data {}`",
        data.display()
    );
    Ok(())
}
