use super::{Verdict, verdict};

// RP-251 RP-252
#[test]
fn verdicts_follow_the_reason() {
    for reason in [
        "too many rejected frames",
        "replaced by newer runtime peer",
        " workstation restart requested ",
        "workstation attachment replaced",
        "workstation mismatch",
        "workstation attachment switched",
        "stale runtime session",
        "notebook moved to trash",
        "notebook deleted",
    ] {
        assert_eq!(verdict(reason), Verdict::Terminal, "{reason}");
    }
    assert_eq!(verdict("runtime idle timeout"), Verdict::Graceful);
    for reason in [
        "",
        "runtime state repair",
        "room sync failed",
        "anything else",
    ] {
        assert_eq!(verdict(reason), Verdict::Recoverable, "{reason}");
    }
}
