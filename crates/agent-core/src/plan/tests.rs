use super::*;

fn settings() -> SpawnSettings {
    SpawnSettings {
        cloud_url: "https://x".into(),
        python_path: "/py".into(),
        working_directory: "/work".into(),
        workstation_id: "ws-1".into(),
        display_name: "Lab".into(),
        agent_root: "/state/workstation-agent".into(),
        output: OutputLimits::default(),
        environments: true,
        warm_kernels: None,
    }
}

fn job() -> JobOrder {
    JobOrder {
        job_id: "Job 1".into(),
        notebook_id: "n1".into(),
        trigger: "user_attach".into(),
        ..JobOrder::default()
    }
}

// WS-204 WS-205 WS-206 WS-212
#[test]
fn ws_204_205_206_212_the_arguments_in_their_order() {
    let plan = spawn_plan(&settings(), &job()).unwrap();
    assert_eq!(plan.job_folder, "/state/workstation-agent/job-1");
    assert_eq!(
        plan.args.join(" "),
        "cloud-runtime-agent --auth-kind workstation --cloud-url https://x --notebook-id n1 --scope runtime_peer \
         --python-path /py --blob-root /state/workstation-agent/job-1/blobs --working-dir /work \
         --workstation-id ws-1 --runtime-session-id Job 1 --workstation-display-name Lab"
    );
}

#[test]
fn the_operator_may_forbid_environments() {
    let forbidding = SpawnSettings {
        environments: false,
        warm_kernels: Some("/state/warm".into()),
        ..settings()
    };
    let plan = spawn_plan(&forbidding, &job()).unwrap();
    let pool = ["--warm-kernels", "/state/warm"].map(str::to_owned);
    assert!(plan.args.windows(2).any(|pair| pair == pool));
    assert!(
        plan.args
            .ends_with(&["--environments".to_owned(), "off".to_owned()])
    );
}

// WS-207 WS-208
#[test]
fn ws_207_208_optional_arguments() {
    let has = |job: &JobOrder, flag: &str| {
        spawn_plan(&settings(), job)
            .unwrap()
            .args
            .iter()
            .any(|arg| arg == flag)
    };
    let mut job = job();
    assert!(!has(&job, "--launch-mode") && !has(&job, "--notebook-path"));
    job.notebook_path = Some(String::new());
    assert!(!has(&job, "--notebook-path"));
    job.notebook_path = Some("a.ipynb".into());
    job.trigger = "resume".into();
    assert!(has(&job, "--launch-mode") && has(&job, "--notebook-path"));
}

// WS-209 WS-216
#[test]
fn ws_209_216_working_directories() {
    let mut job = job();
    job.working_directory = Some("/data".into());
    let plan = spawn_plan(&settings(), &job).unwrap();
    assert_eq!(plan.working_directory, "/data");
    assert!(plan.args.join(" ").contains("--working-dir /data "));
    job.working_directory = Some("  ".into());
    assert_eq!(
        spawn_plan(&settings(), &job).unwrap().working_directory,
        "/work"
    );
    job.working_directory = Some("data".into());
    assert!(matches!(
        spawn_plan(&settings(), &job),
        Err(SpawnPlanError::RelativeDirectory(_))
    ));
}

// WS-214 WS-215
#[test]
fn ws_214_215_unusable_ids_are_refused() {
    for id in ["", "!!!", "..", "."] {
        let job = JobOrder {
            job_id: id.into(),
            ..job()
        };
        assert!(spawn_plan(&settings(), &job).is_err(), "{id}");
    }
    let job = JobOrder {
        notebook_id: String::new(),
        ..job()
    };
    assert_eq!(
        spawn_plan(&settings(), &job),
        Err(SpawnPlanError::MissingId)
    );
}

// WS-218 WS-219 WS-220 WS-221 WS-222 WS-223
#[test]
fn ws_218_219_220_221_222_223_the_environment_is_an_allowlist() {
    let parent = |name: &str| match name {
        "HOME" => Some("/home/ada".to_owned()),
        "LANG" => Some(String::new()),
        "HTTPS_PROXY" => Some("http://proxy".to_owned()),
        "NTERACT_API_KEY" | "CUDA_HOME" | "RUNT_CLOUD_TOKEN" => Some("value".to_owned()),
        _ => None,
    };
    let names = |pass: &[String]| {
        let all = peer_environment(parent, pass);
        all.into_iter()
            .map(|(k, v)| format!("{k}={v}"))
            .collect::<Vec<_>>()
            .join(" ")
    };
    assert_eq!(
        names(&[]),
        "HOME=/home/ada HTTPS_PROXY=http://proxy RUST_LOG=info"
    );
    assert_eq!(
        names(&["CUDA_HOME".into(), "RUNT_CLOUD_TOKEN".into()]),
        "HOME=/home/ada HTTPS_PROXY=http://proxy CUDA_HOME=value RUST_LOG=info"
    );
}
