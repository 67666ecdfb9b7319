//! Whether job folders can be written to: an agent that cannot store anything goes on with what lives and takes nothing
//! new.

use std::io::Write as _;
use std::path::Path;

use serde_json::Value;

/// Free space with which nothing works.
pub(crate) const NO_SPACE: u64 = 64 * 1024 * 1024;
/// What is written on trial: more than fits beside the name of a file.
const TRIAL: [u8; 4096] = [1; 4096];
/// The longest status message that a cloud takes.
const MESSAGE_LIMIT: usize = 500;

/// Why nothing can be stored in a folder; `None` when all is well.
pub(crate) fn trouble(folder: &Path) -> Option<String> {
    let shown = folder.display();
    if let Ok(space) = rustix::fs::statvfs(folder) {
        let free = space.f_bavail.saturating_mul(space.f_frsize);
        if free < NO_SPACE {
            let mib = free / (1024 * 1024);
            return Some(format!("the disk of {shown} is full ({mib} MiB are free)"));
        }
        if space.f_files > 0 && space.f_favail == 0 {
            return Some(format!("the disk of {shown} takes no more files"));
        }
    }
    let tried = tempfile::tempfile_in(folder)
        .and_then(|mut file| file.write_all(&TRIAL).and_then(|()| file.flush()));
    let error = tried.err()?;
    Some(format!("{shown} cannot be written: {error}"))
}

/// A registration that says, where it is so, that nothing new can be stored; it matters more than a drain.
pub(crate) fn with_storage(mut payload: Value, trouble: Option<&str>) -> Value {
    if let (Some(trouble), Some(members)) = (trouble, payload.as_object_mut()) {
        let text = format!("Takes no new notebooks: {trouble}.");
        let text: String = text.chars().take(MESSAGE_LIMIT).collect();
        members.insert("status_message".to_owned(), text.into());
    }
    payload
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_cannot_be_written_is_named() {
        let place = tempfile::tempdir().unwrap();
        let absent = place.path().join("absent");
        let told = trouble(&absent).unwrap();
        assert!(
            told.contains("absent") && told.contains("cannot be written"),
            "{told}"
        );
        let registration = with_storage(
            serde_json::json!({"status_message": "Draining"}),
            Some(&told),
        );
        assert!(
            registration["status_message"]
                .as_str()
                .unwrap()
                .contains(&told)
        );
        let registration = with_storage(serde_json::json!({"status_message": "Draining"}), None);
        assert_eq!(registration["status_message"], "Draining");
    }
}
