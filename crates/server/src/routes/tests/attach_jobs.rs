use std::time::Duration;

use http::Method;
use serde_json::{Value, json};

use super::World;

async fn ready() -> (World, String, String) {
    let world = World::new().await;
    let token = world.pair_for_several("ada").await;
    world.register(&token, "ws").await;
    let notebook = world.notebook("ada").await;
    (world, token, notebook)
}

async fn attach(world: &World, who: &'static str, notebook: &str, body: Value) -> (u16, Value) {
    let path = format!("/api/n/{notebook}/workstation-attachments");
    world.as_person(who, Method::POST, &path, body).await
}

// CP-182 CP-183 CP-184 CP-205 CP-218
#[tokio::test]
async fn cp_182_a_job_goes_from_request_to_running() {
    let (world, token, notebook) = ready().await;
    let body = json!({"workstation_id": "ws"});
    let (status, attached) = attach(&world, "ada", &notebook, body).await;
    assert_eq!(status, 202, "{attached}");
    let job = &attached["job"];
    assert_eq!(
        (job["status"].as_str(), job["trigger"].as_str()),
        (Some("pending"), Some("user_attach"))
    );
    let peer = json!({
        "cloud_url": "http://127.0.0.1:8080", "notebook_id": notebook, "scope": "runtime_peer",
    });
    assert_eq!(job["runtime_peer"], peer);
    assert_eq!(world.told(), ["publish connecting"]);
    let jobs = "/api/workstations/ws/attach-jobs";
    let (_, polled) = world
        .as_machine(&token, Method::GET, jobs, Value::Null)
        .await;
    assert_eq!(polled["jobs"], json!([job]));
    let path = format!("{jobs}/{}", job["job_id"].as_str().unwrap());
    let report =
        |status: &str| world.as_machine(&token, Method::PATCH, &path, json!({"status": status}));
    assert_eq!(report("accepted").await.0, 200);
    assert_eq!(report("running").await.0, 200);
    assert_eq!(world.told(), ["publish connecting", "publish ready"]);
    let (status, late) = report("accepted").await;
    assert_eq!(
        (status, late["job"]["status"].as_str()),
        (409, Some("running"))
    );
    assert_eq!(late["error"], "workstation attach job is no longer active");
    assert!(world.told().is_empty());
    assert_eq!(report("failed").await.0, 200);
    assert_eq!(
        world.told(),
        [
            "publish error",
            "repair of a session: workstation attach job failed before a runtime peer attached"
        ]
    );
}

// The end of a job must not be lost for a character in what a program said: the job would stay active.
#[tokio::test]
async fn a_last_report_is_taken_whatever_its_words_hold() {
    for (said, kept) in [
        (r"x\u0000y", "x\u{FFFD}y"),
        (r"x\ud83d", "x\u{FFFD}"),
        (r"\ud83d\ude00", "😀"),
    ] {
        let (world, token, notebook) = ready().await;
        let body = json!({"workstation_id": "ws"});
        let (_, attached) = attach(&world, "ada", &notebook, body).await;
        let job = attached["job"]["job_id"].as_str().unwrap();
        let path = format!("/api/workstations/ws/attach-jobs/{job}");
        let bearer = format!("Bearer {token}");
        let report = format!(r#"{{"status": "failed", "error_message": "{said}"}}"#);
        let headers = [("authorization", bearer.as_str())];
        let (status, answer) = world.app.call(Method::PATCH, &path, &headers, report).await;
        assert_eq!(status, 200, "{answer}");
        assert_eq!(answer["job"]["error_message"], kept);
    }
}

/// However early its client goes away, a request that was begun is told as well as stored.
#[tokio::test]
async fn a_client_that_goes_away_leaves_no_half_change() {
    let (world, _, notebook) = ready().await;
    for polls in 1..40 {
        let body = json!({"workstation_id": "ws", "intent": "restart"});
        let mut asked = Box::pin(attach(&world, "ada", &notebook, body));
        // Dropped when it has waited so often.
        let mut left = polls;
        std::future::poll_fn(|context| {
            left -= 1;
            match asked.as_mut().poll(context) {
                std::task::Poll::Pending if left > 0 => std::task::Poll::Pending,
                _ => std::task::Poll::Ready(()),
            }
        })
        .await;
        drop(asked);
        let told = tokio::time::timeout(Duration::from_secs(10), async {
            loop {
                let told = world.told();
                if !told.is_empty() {
                    return told;
                }
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        });
        let told = told.await.unwrap_or_default();
        let words = "publish connecting closing: workstation restart requested";
        assert_eq!(told, [words], "dropped at poll {polls}");
    }
}

// CP-176 CP-177 CP-178
#[tokio::test]
async fn cp_176_who_may_not_attach_learns_no_more_than_allowed() {
    let (world, _, notebook) = ready().await;
    let body = json!({"workstation_id": "ws"});
    let stranger = attach(&world, "eve", &notebook, body.clone()).await;
    let words = format!("user:dev:eve cannot access {notebook}");
    assert_eq!(stranger, (403, json!({"error": words})));
    let path = format!("/api/n/{notebook}/workstation-attachments");
    let nobody = world.as_nobody(Method::POST, &path, body.clone()).await;
    let words = "anonymous viewers may only request viewer scope";
    assert_eq!(nobody, (403, json!({"error": words})));
    let missing = attach(&world, "ada", "none", body).await;
    assert_eq!(missing, (404, json!({"error": "notebook not found"})));
    let slash = attach(&world, "ada", "a%2Fb", json!({"workstation_id": "ws"})).await;
    assert_eq!(
        slash,
        (400, json!({"error": "notebook id cannot contain '/'"}))
    );
    let unnamed = attach(&world, "ada", &notebook, json!({})).await;
    assert_eq!(
        unnamed,
        (
            400,
            json!({"error": "workstation_id must be a non-empty string"})
        )
    );
    let unknown = attach(&world, "ada", &notebook, json!({"workstation_id": "other"})).await;
    assert_eq!(unknown, (404, json!({"error": "workstation not found"})));
}

// CP-179
#[tokio::test]
async fn cp_179_an_offline_workstation_answers_409_with_itself() {
    let (world, _, notebook) = ready().await;
    world.app.clock().advance(Duration::from_secs(181));
    let (status, refused) = attach(&world, "ada", &notebook, json!({"workstation_id": "ws"})).await;
    assert_eq!(
        (status, refused["error"].as_str()),
        (409, Some("workstation is not online"))
    );
    assert_eq!(refused["workstation"]["status"], "offline");
    assert_eq!(
        world.told(),
        ["repair: workstation ws is not online while attaching compute"]
    );
}

// CP-189
#[tokio::test]
async fn cp_189_a_restart_closes_the_peers() {
    let (world, _, notebook) = ready().await;
    let (_, first) = attach(&world, "ada", &notebook, json!({"workstation_id": "ws"})).await;
    world.told();
    let restart = json!({"workstation_id": "ws", "intent": "restart"});
    let (_, second) = attach(&world, "ada", &notebook, restart).await;
    assert_ne!(first["job"]["job_id"], second["job"]["job_id"]);
    assert_eq!(
        world.told(),
        ["publish connecting closing: workstation restart requested"]
    );
}

// CP-198 CP-199 CP-214 CP-216 CP-217
#[tokio::test]
async fn cp_217_the_order_of_checks_holds() {
    let (world, token, _) = ready().await;
    let get = |path: &'static str| world.as_machine(&token, Method::GET, path, Value::Null);
    assert_eq!(
        get("/api/workstations/none/attach-jobs?limit=abc").await.0,
        404
    );
    assert_eq!(
        get("/api/workstations/ws/attach-jobs?limit=abc").await.0,
        400
    );
    assert_eq!(get("/api/workstations/ws/attach-jobs?limit=").await.0, 200);
    let path = "/api/workstations/ws/attach-jobs/none";
    let patch = |body: Value| world.as_machine(&token, Method::PATCH, path, body);
    assert_eq!(patch(json!({"status": "pending"})).await.0, 400);
    let unknown = patch(json!({"status": "running"})).await;
    assert_eq!(
        unknown,
        (404, json!({"error": "workstation attach job not found"}))
    );
    let nobody = world
        .as_nobody(Method::PATCH, path, json!({"status": "running"}))
        .await;
    assert_eq!(
        nobody,
        (401, json!({"error": "sign in to update workstation jobs"}))
    );
}

/// The active jobs of the machines, by what their polls list.
async fn active(world: &World, token: &str) -> Vec<String> {
    let mut ids = Vec::new();
    for machine in ["ws", "other"] {
        let path = format!("/api/workstations/{machine}/attach-jobs");
        let (status, polled) = world
            .as_machine(token, Method::GET, &path, Value::Null)
            .await;
        if status == 200 {
            let jobs = polled["jobs"].as_array().unwrap().iter();
            ids.extend(jobs.map(|job| job["job_id"].as_str().unwrap().to_owned()));
        }
    }
    ids
}

// CP-191
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cp_191_two_attaches_at_once_share_one_job() {
    for _ in 0..5 {
        let (world, token, notebook) = ready().await;
        let body = || json!({"workstation_id": "ws"});
        let (one, two) = tokio::join!(
            attach(&world, "ada", &notebook, body()),
            attach(&world, "ada", &notebook, body()),
        );
        assert_eq!((one.0, two.0), (202, 202));
        assert_eq!(one.1["job"]["job_id"], two.1["job"]["job_id"]);
        assert_eq!(
            active(&world, &token).await,
            [one.1["job"]["job_id"].as_str().unwrap()]
        );
    }
}

// CP-192
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cp_192_two_attaches_to_two_machines_leave_one_job() {
    for _ in 0..5 {
        let (world, token, notebook) = ready().await;
        world.register(&token, "other").await;
        let body = |id: &str| json!({"workstation_id": id});
        let (one, two) = tokio::join!(
            attach(&world, "ada", &notebook, body("ws")),
            attach(&world, "ada", &notebook, body("other")),
        );
        assert_eq!((one.0, two.0), (202, 202), "{} {}", one.1, two.1);
        let active = active(&world, &token).await;
        assert_eq!(active.len(), 1, "{active:?}");
        let given = [&one.1["job"]["job_id"], &two.1["job"]["job_id"]];
        assert!(given.contains(&&json!(active[0])));
    }
}

// CP-203
#[tokio::test]
async fn cp_203_a_poll_shows_that_the_lease_ended() {
    let (world, token, _) = ready().await;
    let path = "/api/workstations/ws/attach-jobs";
    let status = async || {
        let (_, polled) = world
            .as_machine(&token, Method::GET, path, Value::Null)
            .await;
        polled["workstation"]["status"].as_str().unwrap().to_owned()
    };
    assert_eq!(status().await, "online");
    world.app.clock().advance(Duration::from_secs(181));
    let now = world.app.now_ms();
    control_plane::leases::sweep(world.app.catalog(), now, i64::MAX / 2)
        .await
        .unwrap();
    assert_eq!(status().await, "offline");
    world.register(&token, "ws").await;
    assert_eq!(status().await, "online");
}

// CP-197 CP-199
#[tokio::test]
async fn cp_197_a_machine_finds_every_job_however_many_run() {
    let (world, token, _) = ready().await;
    let jobs = "/api/workstations/ws/attach-jobs";
    let poll = async |query: String| {
        let path = format!("{jobs}?{query}");
        let (status, polled) = world
            .as_machine(&token, Method::GET, &path, Value::Null)
            .await;
        assert_eq!(status, 200, "{polled}");
        polled
    };
    let mut accepted = std::collections::BTreeSet::new();
    for at in 0..30 {
        world.app.clock().advance(Duration::from_millis(10));
        let notebook = world.notebook("ada").await;
        let (_, attached) = attach(&world, "ada", &notebook, json!({"workstation_id": "ws"})).await;
        let polled = poll(String::new()).await;
        let listed = polled["jobs"].as_array().unwrap();
        assert!(listed.is_sorted_by_key(|job| job["requested_at"].as_str().unwrap().to_owned()));
        assert_eq!(listed.len(), (at + 1).min(10));
        // As an agent of the reference: it takes what its poll lists.
        for job in listed.iter().filter(|job| job["status"] == "pending") {
            let id = job["job_id"].as_str().unwrap().to_owned();
            assert_eq!(job["job_id"], attached["job"]["job_id"]);
            let (path, body) = (format!("{jobs}/{id}"), json!({"status": "accepted"}));
            let (status, _) = world.as_machine(&token, Method::PATCH, &path, body).await;
            assert_eq!(status, 200);
            accepted.insert(id);
        }
    }
    assert_eq!(accepted.len(), 30);
    let mut seen = Vec::new();
    let mut after = String::new();
    loop {
        let polled = poll(format!("limit=8&after={after}")).await;
        let listed = polled["jobs"].as_array().unwrap().iter();
        seen.extend(listed.map(|job| job["job_id"].as_str().unwrap().to_owned()));
        match polled["next"].as_str() {
            Some(next) => next.clone_into(&mut after),
            None => break,
        }
    }
    assert_eq!(seen.len(), 30);
    assert_eq!(
        seen.into_iter().collect::<std::collections::BTreeSet<_>>(),
        accepted
    );
    let path = format!("{jobs}?after=nothing");
    let refused = world
        .as_machine(&token, Method::GET, &path, Value::Null)
        .await;
    assert_eq!(refused.0, 400, "{}", refused.1);
}
