//! The commands, one file each.

pub mod connect;
pub mod run;
pub mod status;

/// A value from the cloud, fit for a terminal: without control characters.
pub fn printable(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).collect()
}
