//! The list in pages and views, and the trash.

use control_plane::access::{self, Downgrade};
use control_plane::library::{self, ListQuery, Listing};
use control_plane::{Effect, Refusal, RoomEnd, notebooks, sharing, trash};
use serde_json::json;
use store::Notebooks as _;
use wire::Scope;

use super::{START, World, attach_ok, caller, notified, object, published, repairs};

async fn share(world: &World, notebook: &str, with: &str, scope: &str) {
    let row =
        json!({"subject_kind": "principal", "subject": format!("user:dev:{with}"), "scope": scope});
    let mutation = sharing::parse(&object(row)).unwrap();
    sharing::grant(&world.catalog, &caller("ada"), notebook, &mutation, START)
        .await
        .unwrap();
}

async fn page(
    world: &World,
    who: &str,
    limit: &str,
    view: &str,
    q: &str,
    cursor: Option<&str>,
) -> Listing {
    let query = ListQuery::parse(Some(limit), Some(view), Some(q), cursor).unwrap();
    library::list(&world.catalog, &caller(who), &query)
        .await
        .unwrap()
}

fn titles(listing: &Listing) -> Vec<&str> {
    listing
        .notebooks
        .iter()
        .map(|row| row.notebook.title.as_deref().unwrap_or(""))
        .collect()
}

/// Notebooks of Ada, one each `step` ms, titled by their number.
async fn fill(world: &World, count: u8, step: i64) -> Vec<String> {
    let mut ids = Vec::new();
    for n in 0..count {
        let at = START + i64::from(n) * step;
        let title = format!("Number {n}");
        let made =
            notebooks::create(&world.catalog, &caller("ada"), Some(&title), at, || [n; 10]).await;
        ids.push(made.unwrap().id);
    }
    ids
}

#[tokio::test]
async fn pages_follow_one_another_without_gap_or_repetition() {
    let world = World::new().await;
    // All at the same time: the order then follows from the ids alone.
    fill(&world, 7, 0).await;
    for (view, q) in [("all", ""), ("owned", ""), ("all", "number")] {
        let (mut seen, mut cursor) = (Vec::new(), None);
        loop {
            let listing = page(&world, "ada", "3", view, q, cursor.as_deref()).await;
            assert_eq!(listing.total, 7, "{view} {q}");
            seen.extend(titles(&listing).into_iter().map(str::to_owned));
            cursor = listing.next_cursor;
            if cursor.is_none() {
                break;
            }
        }
        let expected: Vec<String> = (0..7).rev().map(|n| format!("Number {n}")).collect();
        assert_eq!(seen, expected, "{view} {q}");
    }
}

#[tokio::test]
async fn a_change_between_two_pages_repeats_nothing() {
    let world = World::new().await;
    let ids = fill(&world, 4, 1).await;
    let first = page(&world, "ada", "2", "all", "", None).await;
    assert_eq!(titles(&first), ["Number 3", "Number 2"]);
    world
        .catalog
        .touch_notebook(&ids[3], START + 99)
        .await
        .unwrap();
    let second = page(&world, "ada", "2", "all", "", first.next_cursor.as_deref()).await;
    assert_eq!(titles(&second), ["Number 1", "Number 0"]);
    assert_eq!(second.next_cursor, None);
}

#[tokio::test]
async fn views_and_searches_choose() {
    let world = World::new().await;
    let ids = fill(&world, 3, 1).await;
    share(&world, &ids[1], "grace", "editor").await;
    assert_eq!(
        titles(&page(&world, "grace", "9", "shared", "", None).await),
        ["Number 1"]
    );
    assert!(
        page(&world, "grace", "9", "owned", "", None)
            .await
            .notebooks
            .is_empty()
    );
    assert!(
        page(&world, "ada", "9", "shared", "", None)
            .await
            .notebooks
            .is_empty()
    );
    let found = page(&world, "ada", "9", "all", "NUMBER 2", None).await;
    assert_eq!((titles(&found), found.total), (vec!["Number 2"], 1));
    trash::put(&world.catalog, &caller("ada"), &ids[1], START + 9)
        .await
        .unwrap();
    assert_eq!(
        titles(&page(&world, "ada", "9", "trash", "", None).await),
        ["Number 1"]
    );
    assert_eq!(page(&world, "ada", "9", "all", "", None).await.total, 2);
    // Only who can restore it sees it there.
    assert!(
        page(&world, "grace", "9", "trash", "", None)
            .await
            .notebooks
            .is_empty()
    );
    assert_eq!(page(&world, "grace", "9", "all", "", None).await.total, 0);
}

#[tokio::test]
async fn a_trashed_notebook_is_closed_until_its_owner_takes_it_out() {
    let world = World::new().await;
    let ada = caller("ada");
    let notebook = world.notebook(&ada).await;
    share(&world, &notebook, "grace", "editor").await;
    let refused = trash::put(&world.catalog, &caller("grace"), &notebook, START).await;
    assert!(matches!(refused, Err(Refusal::Forbidden(_))));
    trash::put(&world.catalog, &ada, &notebook, START)
        .await
        .unwrap();
    let enter = || {
        access::authorize(
            &world.catalog,
            &ada,
            &notebook,
            Scope::Owner,
            Downgrade::Live,
        )
    };
    assert!(matches!(
        enter().await,
        Err(Refusal::Absent("notebook not found"))
    ));
    trash::restore(&world.catalog, &ada, &notebook, START)
        .await
        .unwrap();
    enter().await.unwrap();
}

#[tokio::test]
async fn the_trash_closes_the_room_and_ends_its_compute_session() {
    let world = World::new().await;
    let ada = caller("ada");
    let notebook = world.notebook(&ada).await;
    world.heartbeat(&ada, "ws", START).await;
    attach_ok(
        &world.catalog,
        &ada,
        &notebook,
        json!({"workstation_id": "ws"}),
        START,
        "job",
    )
    .await;
    let (trashed, effects) = trash::put(&world.catalog, &ada, &notebook, START + 1)
        .await
        .unwrap();
    assert_eq!(trashed.trashed_ms, Some(START + 1));
    // Sockets first: a repair is refused while a runtime peer is there.
    assert_eq!(
        effects[0],
        Effect::EndRoom {
            notebook_id: notebook.clone(),
            end: RoomEnd::Trashed
        }
    );
    assert_eq!(notified(&effects), [("job".to_owned(), "cancelled")]);
    assert_eq!(
        published(&effects),
        [("disconnected".to_owned(), Some("job".to_owned()), None)]
    );
    assert_eq!(
        repairs(&effects),
        [(trash::TRASHED_MESSAGE.to_owned(), Some("job".to_owned()))]
    );
    let (again, effects) = trash::put(&world.catalog, &ada, &notebook, START + 2)
        .await
        .unwrap();
    assert_eq!(again.trashed_ms, Some(START + 1));
    assert!(notified(&effects).is_empty());
}

#[tokio::test]
async fn only_what_is_in_the_trash_is_deleted_for_good() {
    let world = World::new().await;
    let ada = caller("ada");
    let notebook = world.notebook(&ada).await;
    let delete = || trash::delete(&world.catalog, &ada, &notebook, START);
    assert!(matches!(delete().await, Err(Refusal::Conflict(_))));
    trash::put(&world.catalog, &ada, &notebook, START)
        .await
        .unwrap();
    let stranger = trash::delete(&world.catalog, &caller("eve"), &notebook, START).await;
    assert!(matches!(stranger, Err(Refusal::Forbidden(_))));
    delete().await.unwrap();
    assert_eq!(world.catalog.notebook(&notebook).await.unwrap(), None);
    assert!(matches!(delete().await, Err(Refusal::Absent(_))));
}

// CP-270 CP-272
#[tokio::test]
async fn cp_272_the_latest_job_is_what_the_owner_is_told_of_its_compute() {
    use store::{AttachJobs as _, Library as _};
    use wire::http::JobStatus;
    let world = World::new().await;
    let ada = caller("ada");
    let notebook = world.notebook(&ada).await;
    world.heartbeat(&ada, "ws", START).await;
    let status = |peers: u64| {
        let catalog = world.catalog.clone();
        async move {
            let mut all = catalog.library_compute("user:dev:ada").await.unwrap();
            assert!(all.len() <= 1);
            all.pop()
                .map(|compute| library::compute_session(compute, peers).status)
        }
    };
    assert_eq!(status(0).await, None);
    attach_ok(
        &world.catalog,
        &ada,
        &notebook,
        json!({"workstation_id": "ws"}),
        START,
        "one",
    )
    .await;
    assert_eq!(status(0).await.unwrap(), "starting");
    // So are those who own it as well.
    share(&world, &notebook, "grace", "owner").await;
    let mut all = world
        .catalog
        .library_compute("user:dev:grace")
        .await
        .unwrap();
    let session = library::compute_session(all.pop().unwrap(), 0);
    assert_eq!(session.environment_label.unwrap(), "Current Python");
    let restart = json!({"workstation_id": "ws", "intent": "restart"});
    attach_ok(&world.catalog, &ada, &notebook, restart, START + 1, "two").await;
    let report = |status| {
        world
            .catalog
            .report_job("user:dev:ada", "ws", "two", status, None, START + 2)
    };
    report(JobStatus::Running).await.unwrap();
    assert_eq!(status(0).await.unwrap(), "stale");
    assert_eq!(status(1).await.unwrap(), "active");
    report(JobStatus::Failed).await.unwrap();
    assert_eq!(status(1).await.unwrap(), "error");
    assert!(
        world
            .catalog
            .library_compute("user:dev:eve")
            .await
            .unwrap()
            .is_empty()
    );
}
