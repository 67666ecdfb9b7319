//! What a request for the list may say.

use super::{ListQuery, View, read_cursor};

fn parse(
    view: Option<&str>,
    search: Option<&str>,
    cursor: Option<&str>,
) -> Result<ListQuery, String> {
    ListQuery::parse(None, view, search, cursor).map_err(|error| error.to_string())
}

#[test]
fn views_searches_and_cursors_are_checked() {
    assert_eq!(parse(None, None, None).unwrap().view(), View::All);
    assert_eq!(
        parse(Some("trash"), None, None).unwrap().view(),
        View::Trash
    );
    let refused = |view: Option<&str>, search: Option<&str>, cursor: Option<&str>| {
        parse(view, search, cursor).unwrap_err()
    };
    assert_eq!(
        refused(Some("bin"), None, None),
        "view must be all, owned, shared, or trash"
    );
    let long = "x".repeat(161);
    assert_eq!(refused(None, Some(long.as_str()), None), "q is too long");
    for cursor in [
        "1",
        "1.2",
        "1.2.",
        "x.2.id",
        "1.2.3.4.5\u{0}".repeat(40).as_str(),
    ] {
        assert_eq!(
            refused(None, None, Some(cursor)),
            "cursor is invalid",
            "{cursor}"
        );
    }
    assert_eq!(read_cursor("a.b.c.d").unwrap().id, "c.d");
}

#[test]
fn every_word_must_occur_in_the_title_whatever_the_case() {
    let finds =
        |search: &str, title: Option<&str>| parse(None, Some(search), None).unwrap().finds(title);
    assert!(finds("  MILL rain ", Some("Rain at the old mill")));
    assert!(!finds("mill snow", Some("Rain at the old mill")));
    assert!(finds("ÉTÉ", Some("Un été")));
    assert!(finds("untit", None));
    assert!(finds("100%", Some("100% of it")) && !finds("100%", Some("1000 of it")));
}
