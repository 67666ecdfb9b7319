use std::convert::Infallible;

use futures_util::{StreamExt as _, stream};

use super::*;

/// A body of `chunks` pieces of `size` bytes, one every so often.
fn body(chunks: usize, size: usize, every: Duration) -> Body {
    Body::from_stream(stream::unfold(chunks, move |left| async move {
        let left = left.checked_sub(1)?;
        tokio::time::sleep(every).await;
        Some((Ok::<_, Infallible>(Bytes::from(vec![0; size])), left))
    }))
}

/// How many bytes of a body come, whether it ends well, and after how many seconds.
async fn read(body: Body) -> (usize, bool, u64) {
    let began = Instant::now();
    let mut chunks = Body::new(PacedBody::new(body)).into_data_stream();
    let (mut size, mut whole) = (0, true);
    while let Some(chunk) = chunks.next().await {
        let Ok(chunk) = chunk else {
            whole = false;
            break;
        };
        size += chunk.len();
    }
    (size, whole, began.elapsed().as_secs())
}

#[tokio::test(start_paused = true)]
async fn what_comes_fast_enough_comes_whole_however_long_it_takes() {
    let (size, whole, seconds) = read(body(1_000, 8 * 1024, Duration::from_secs(1))).await;
    assert_eq!((size, whole, seconds), (8_192_000, true, 1_000));
}

#[tokio::test(start_paused = true)]
async fn what_trickles_breaks_off_after_a_minute() {
    let (size, whole, seconds) = read(body(1_000, 1, Duration::from_secs(1))).await;
    assert!((59..=61).contains(&size) && !whole, "{size}");
    assert!((60..=61).contains(&seconds), "{seconds}");
}

#[tokio::test(start_paused = true)]
async fn what_pauses_breaks_off_whatever_came_before() {
    let fast = body(1_000, 64 * 1024, Duration::ZERO).into_data_stream();
    let silent = stream::pending();
    let (size, whole, seconds) = read(Body::from_stream(fast.chain(silent))).await;
    assert_eq!((size, whole, seconds), (65_536_000, false, 60));
}

#[tokio::test(start_paused = true)]
async fn the_servers_own_time_does_not_count() {
    let mut chunks = Body::new(PacedBody::new(body(100, 1, Duration::ZERO))).into_data_stream();
    for _ in 0..100 {
        tokio::time::sleep(Duration::from_secs(10)).await;
        assert!(chunks.next().await.unwrap().is_ok());
    }
}
