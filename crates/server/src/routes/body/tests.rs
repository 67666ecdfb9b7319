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
