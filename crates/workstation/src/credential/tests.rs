use super::*;

fn sample(token: &str) -> StoredCredential {
    StoredCredential {
        cloud_url: "https://x".into(),
        token: SecretString::from(token.to_owned()),
        credential_id: "c".into(),
        workstation_id: "ws-1".into(),
        display_name: "Lab".into(),
        connected_at: "2026-11-20T14:00:00Z".into(),
    }
}

fn place() -> (tempfile::TempDir, Folders) {
    let home = tempfile::tempdir().unwrap();
    let env = Env::from_pairs([("HOME", home.path().to_str().unwrap())]);
    let folders = Folders::find(&env).unwrap();
    (home, folders)
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

// WS-024 WS-025 WS-026 WS-028 WS-029 WS-033
#[test]
fn ws_024_025_026_028_029_033_what_is_written_reads_back() {
    let (_home, folders) = place();
    let path = folders.credential_file();
    sample("nwc_t").write(&path).unwrap();
    assert_eq!((mode(&path), mode(&folders.config)), (0o600, 0o700));
    let text = fs::read_to_string(&path).unwrap();
    assert!(
        text.starts_with("{\n") && text.ends_with("}\n") && !text.ends_with("\n\n"),
        "{text}"
    );
    let value: serde_json::Map<String, serde_json::Value> = serde_json::from_str(&text).unwrap();
    let names = [
        "cloud_url",
        "token",
        "credential_id",
        "workstation_id",
        "display_name",
        "connected_at",
    ];
    assert_eq!(value.keys().map(String::as_str).collect::<Vec<_>>(), names);
    fs::write(&path, text.replace('{', r#"{"later": [1],"#)).unwrap();
    let back = StoredCredential::read(&path).unwrap().unwrap();
    assert_eq!(
        (back.token.expose_secret(), back.workstation_id.as_str()),
        ("nwc_t", "ws-1")
    );
    assert!(!format!("{back:?}").contains("nwc_t"));
}

// WS-027 WS-035 WS-036
#[test]
fn ws_027_035_036_pairing_again_replaces_and_tightens() {
    let (_home, folders) = place();
    let path = folders.credential_file();
    sample("nwc_longer_than_the_other").write(&path).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    let before = fs::read_to_string(&path).unwrap();
    // A write that cannot reach its rename leaves what was there.
    fs::set_permissions(&folders.config, fs::Permissions::from_mode(0o500)).unwrap();
    let refused = sample("nwc_new").write(&path);
    fs::set_permissions(&folders.config, fs::Permissions::from_mode(0o700)).unwrap();
    if !nix::unistd::geteuid().is_root() {
        refused.unwrap_err();
        assert_eq!(fs::read_to_string(&path).unwrap(), before);
    }
    sample("nwc_2").write(&path).unwrap();
    assert_eq!(mode(&path), 0o600);
    assert_eq!(
        StoredCredential::read(&path)
            .unwrap()
            .unwrap()
            .token
            .expose_secret(),
        "nwc_2"
    );
    assert_eq!(
        fs::read_dir(&folders.config).unwrap().count(),
        1,
        "no temporary file stays"
    );
}

// WS-037
#[test]
fn ws_037_a_symbolic_link_is_refused() {
    let (home, folders) = place();
    fs::create_dir_all(&folders.config).unwrap();
    let elsewhere = home.path().join("elsewhere");
    std::os::unix::fs::symlink(&elsewhere, folders.credential_file()).unwrap();
    let error = sample("t").write(&folders.credential_file()).unwrap_err();
    assert!(error.to_string().contains("symbolic link"), "{error}");
    assert!(!elsewhere.exists());
    StoredCredential::check_writable(&folders.credential_file()).unwrap_err();
}

// WS-030 WS-031 WS-032
#[test]
fn ws_030_031_032_missing_and_broken_files() {
    let (_home, folders) = place();
    let path = folders.credential_file();
    assert!(StoredCredential::read(&path).unwrap().is_none());
    fs::create_dir_all(&folders.config).unwrap();
    for (text, part) in [
        ("{", "not JSON"),
        (r#"{"token":"nwc_hidden"}"#, "cloud_url"),
        (r#"{"cloud_url":7,"token":"nwc_hidden"}"#, "cloud_url"),
        ("[]", "cloud_url"),
    ] {
        fs::write(&path, text).unwrap();
        let error = StoredCredential::read(&path).unwrap_err().to_string();
        assert!(
            error.contains(path.to_str().unwrap()) && error.contains(part),
            "{error}"
        );
        assert!(!error.contains("nwc_hidden"), "{error}");
    }
}

fn resolve(
    folders: &Folders,
    token: &str,
    url: &str,
) -> Result<ResolvedCredential, CredentialError> {
    resolve_credential(
        &Env::from_pairs([(TOKEN_VARIABLE, token), (URL_VARIABLE, url)]),
        folders,
    )
}

// WS-039 WS-040 WS-048
#[test]
fn ws_039_040_048_overrides() {
    let (_home, folders) = place();
    sample("nwc_file")
        .write(&folders.credential_file())
        .unwrap();
    let plain = resolve(&folders, "  ", " ").unwrap();
    assert_eq!(
        (plain.token.expose_secret(), plain.base.as_str()),
        ("nwc_file", "https://x")
    );
    let both = resolve(&folders, " nwc_env ", " https://y/ ").unwrap();
    assert_eq!(
        (both.token.expose_secret(), both.base.as_str()),
        ("nwc_env", "https://y")
    );
    assert_eq!(both.workstation_id, "ws-1");
}

// WS-041 WS-042 WS-043 WS-044
#[test]
fn ws_041_042_043_044_without_a_usable_file() {
    let (_home, folders) = place();
    let error = resolve(&folders, "", "").unwrap_err().to_string();
    for part in [
        folders.credential_file().to_str().unwrap(),
        "connect",
        TOKEN_VARIABLE,
        URL_VARIABLE,
    ] {
        assert!(error.contains(part), "{error}");
    }
    resolve(&folders, "t", "").unwrap_err();
    let env_only = resolve(&folders, "t", "https://y").unwrap();
    assert!(env_only.workstation_id.starts_with("ws-"));
    assert_eq!(env_only.display_name, hostname(&Env::default()));

    fs::create_dir_all(&folders.config).unwrap();
    fs::write(folders.credential_file(), "{").unwrap();
    resolve(&folders, "t", "https://y").unwrap();
    resolve(&folders, "", "https://y").unwrap_err();

    sample("nwc_file")
        .write(&folders.credential_file())
        .unwrap();
    assert!(matches!(
        resolve(&folders, "", "https://y"),
        Err(CredentialError::OtherCloud { .. })
    ));
    resolve(&folders, "", "https://x:443").unwrap();
}
