use std::convert::Infallible;

use axum::body::Body;
use futures_util::stream;

use super::*;
use crate::testing::TestApp;

/// A byte each second, for ever.
fn trickle() -> Body {
    Body::from_stream(stream::unfold((), |()| async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        Some((Ok::<_, Infallible>(Bytes::from_static(b" ")), ()))
    }))
}

#[tokio::test]
async fn a_json_body_that_trickles_has_thirty_seconds() {
    let app = TestApp::with_dev_identity().await;
    tokio::time::pause();
    let began = tokio::time::Instant::now();
    let refused = JsonBody::from_request(Request::new(trickle()), &app)
        .await
        .unwrap_err();
    assert_eq!(refused.status(), StatusCode::REQUEST_TIMEOUT);
    assert_eq!(began.elapsed().as_secs(), 30);
}

// Python and JavaScript write such; a machine's last report must not be lost for one.
#[test]
fn half_of_a_surrogate_pair_is_a_character_that_is_replaced() {
    for (written, read) in [
        (r#""x\ud83d""#, "x\u{FFFD}"),
        (r#""\udc80y""#, "\u{FFFD}y"),
        (r#""\ud83d\ud83d\ude00""#, "\u{FFFD}😀"),
        (r#""\ud83d\u0041""#, "\u{FFFD}A"),
        (r#""\uD83D\\ude00""#, "\u{FFFD}\\ude00"),
        (r#""\\ud83d\udc80""#, "\\ud83d\u{FFFD}"),
    ] {
        assert_eq!(read_json(written.as_bytes()).unwrap(), read, "{written}");
    }
    for wrong in [r#""\ud8""#, r#""\ud83d"#, r"\ud83d", r#""\ud83d" x"#] {
        read_json(wrong.as_bytes()).unwrap_err();
    }
}
