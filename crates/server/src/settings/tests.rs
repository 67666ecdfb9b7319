use super::*;

fn flag(key: &str, value: &str) -> Flag {
    Flag {
        key: key.into(),
        name: format!("--{key}"),
        value: value.into(),
    }
}

fn file(text: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cloud.toml");
    std::fs::write(&path, text).unwrap();
    (folder, path)
}

fn env(name: &str, value: &str) -> (String, String) {
    (name.into(), value.into())
}

fn source(loaded: &Loaded, key: &str) -> Source {
    let found = loaded.shown.iter().find(|shown| shown.key == key);
    found.unwrap().source.clone()
}

#[test]
fn flag_goes_before_environment_before_file_before_default() {
    let (_folder, path) = file(
        "listen = \"127.0.0.1:1\"\ndrain_seconds = 1\n[limits]\njson_body_bytes = 1\nblob_bytes = 1\n",
    );
    let loaded = load(
        Some(&path),
        [
            env("NOTEBOOK_CLOUD_LISTEN", "127.0.0.1:2"),
            env("NOTEBOOK_CLOUD_LIMITS_JSON_BODY_BYTES", "2"),
            env("PATH", "/bin"),
        ],
        &[flag("listen", "127.0.0.1:3")],
    );
    assert!(loaded.problems.is_empty(), "{:?}", loaded.problems);
    assert!(loaded.warnings.is_empty(), "{:?}", loaded.warnings);
    let settings = &loaded.settings;
    assert_eq!(settings.listen, "127.0.0.1:3");
    assert_eq!(settings.limits.json_body_bytes, 2);
    assert_eq!(settings.limits.blob_bytes, 1);
    assert_eq!(settings.drain_seconds, 1);
    assert_eq!(settings.retention, RetentionSettings::default());
    assert_eq!(source(&loaded, "listen"), Source::Flag("--listen".into()));
    assert_eq!(
        source(&loaded, "limits.json_body_bytes"),
        Source::Environment("NOTEBOOK_CLOUD_LIMITS_JSON_BODY_BYTES".into())
    );
    assert_eq!(source(&loaded, "limits.blob_bytes"), Source::File(path));
    assert_eq!(source(&loaded, "retention.audit_days"), Source::Default);
}

#[test]
fn every_mistake_is_named_with_its_place_and_what_was_perhaps_meant() {
    let (_folder, path) = file(
        "lisen = \"127.0.0.1:1\"\n[limits]\njson_body_byte = 1\nblob_bytes = \"many\"\n[log]\nformat = \"xml\"\n",
    );
    let loaded = load(
        Some(&path),
        [
            env("NOTEBOOK_CLOUD_DRAIN_SECONDS", "soon"),
            env("NOTEBOOK_CLOUD_LISTENS", "x"),
        ],
        &[flag("nonsense", "1")],
    );
    let all = loaded.problems.join("\n---\n");
    assert_eq!(loaded.problems.len(), 6, "{all}");
    for words in [
        "did you mean `listen`?",
        "did you mean `limits.json_body_bytes`?",
        "`limits.blob_bytes` (file ",
        "`log.format` (file ",
        "`drain_seconds` (environment NOTEBOOK_CLOUD_DRAIN_SECONDS)",
        "`nonsense` (flag --nonsense) is no setting",
    ] {
        assert!(all.contains(words), "{words}: {all}");
    }
    assert!(loaded.warnings[0].contains("did you mean `NOTEBOOK_CLOUD_LISTEN`?"));
    // What is wrong is left out; the rest holds.
    assert_eq!(loaded.settings, Settings::default());
}

#[test]
fn a_file_that_is_not_there_or_not_toml_is_a_problem() {
    let (_folder, path) = file("listen = \n");
    let gone = load(Some(&path.with_extension("gone")), [], &[]);
    assert!(gone.problems[0].contains("cannot read"));
    let broken = load(Some(&path), [], &[]);
    assert!(broken.problems[0].contains("is not TOML"));
}

#[test]
fn lists_come_as_text_with_commas() {
    let loaded = load(
        None,
        [env("NOTEBOOK_CLOUD_PROXY_TRUSTED", "127.0.0.1, 10.0.0.0/8")],
        &[flag("dev_identity", "true")],
    );
    assert_eq!(loaded.settings.proxy.trusted, ["127.0.0.1", "10.0.0.0/8"]);
    assert!(loaded.settings.dev_identity);
}

#[test]
fn a_key_stands_for_one_variable_only() {
    let loaded = load(None, [], &[]);
    let mut names: Vec<String> = loaded
        .shown
        .iter()
        .map(|shown| environment_name(&shown.key))
        .collect();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), loaded.shown.len());
}
