//! `runt workstation service` where no service manager is.

#![allow(clippy::unwrap_used)]

mod home;
#[path = "../../workstation/tests/support/mod.rs"]
mod support;

use home::Home;

// WS-105: why, what to do about it, and how it is had without.
#[tokio::test]
async fn ws_105_without_a_service_manager_every_command_says_what_to_do_instead() {
    let home = Home::new().await;
    home.pair();
    for command in [
        &["install", "--start"][..],
        &["uninstall"],
        &["start"],
        &["stop"],
        &["stop", "--all"],
        &["restart"],
        &["status"],
        &["logs"],
    ] {
        let text = home.runt(&[&["service"], command].concat()).await;
        assert!(
            text.starts_with("exit: 1\n--- stdout\n--- stderr\n"),
            "{text}"
        );
        assert!(
            text.contains("service manager cannot be reached: ")
                && text.contains("XDG_RUNTIME_DIR")
                && text.contains("enable-linger")
                && text.contains("runt workstation run"),
            "{text}"
        );
    }
    assert!(!home.place.path().join("config/systemd").exists());
}

#[tokio::test]
async fn a_service_file_is_printed_without_a_service_manager() {
    let home = Home::new().await;
    for (kind, start, command) in [
        (
            "systemd",
            "[Unit]\n",
            r#""workstation" "run" "--working-directory" "HOME""#,
        ),
        (
            "launchd",
            "<?xml ",
            "<string>--working-directory</string>\n    <string>HOME</string>",
        ),
    ] {
        let text = home.runt(&["service", "install", "--print", kind]).await;
        assert!(
            text.starts_with(&format!("exit: 0\n--- stdout\n{start}")),
            "{text}"
        );
        assert!(text.contains(command), "{text}");
    }
    assert!(!home.place.path().join("config/systemd").exists());
}

// `--system` may stand before `install`, as it does in the documents, and behind it.
#[tokio::test]
async fn a_service_of_the_systems_is_printed_for_a_user_who_is_named() {
    let home = Home::new().await;
    let rest = ["--user", "root", "--print", "systemd"];
    for command in [
        ["service", "--system", "install"],
        ["service", "install", "--system"],
    ] {
        let text = home.runt(&[&command[..], &rest].concat()).await;
        assert!(
            text.starts_with("exit: 0\n") && text.contains("\nUser=root\n"),
            "{text}"
        );
    }
    let text = home
        .runt(&[&["service", "install"][..], &rest].concat())
        .await;
    assert!(
        text.starts_with("exit: 1\n") && text.contains("Hint: give --system"),
        "{text}"
    );
}

// WS-122
#[tokio::test]
async fn ws_122_a_working_directory_with_a_line_break_is_refused() {
    let home = Home::new().await;
    std::fs::create_dir(home.place.path().join("a\nb")).unwrap();
    let text = home
        .runt(&["service", "install", "--print", "systemd", "--cwd", "a\nb"])
        .await;
    assert!(
        text.starts_with("exit: 1\n") && text.contains("Hint: "),
        "{text}"
    );
}
