use super::Scope;

#[test]
fn cp_004_four_scopes_parse_and_others_do_not() {
    for scope in Scope::ALL {
        assert_eq!(scope.as_str().parse(), Ok(scope));
        assert_eq!(serde_json::to_value(scope).unwrap(), scope.as_str());
    }
    let error = "admin".parse::<Scope>().unwrap_err();
    assert_eq!(error.to_string(), "unknown connection scope: admin");
    assert!(" viewer".parse::<Scope>().is_err());
}

#[test]
fn cp_006_cp_007_rows_cover_their_scopes_only() {
    let covered = |row: Scope| -> Vec<&str> {
        Scope::ALL
            .into_iter()
            .filter(|scope| row.covers(*scope))
            .map(Scope::as_str)
            .collect()
    };
    assert_eq!(covered(Scope::Viewer), ["viewer"]);
    assert_eq!(covered(Scope::Editor), ["viewer", "editor"]);
    assert_eq!(covered(Scope::RuntimePeer), ["viewer", "runtime_peer"]);
    assert_eq!(covered(Scope::Owner), ["viewer", "editor", "owner"]);
}

#[test]
fn cp_008_capabilities() {
    let who = |may: fn(Scope) -> bool| -> Vec<&str> {
        Scope::ALL
            .into_iter()
            .filter(|scope| may(*scope))
            .map(Scope::as_str)
            .collect()
    };
    assert_eq!(who(Scope::may_write_notebook), ["editor", "owner"]);
    assert_eq!(who(Scope::may_write_runtime_state), ["runtime_peer"]);
    assert_eq!(who(Scope::may_upload_blobs), ["runtime_peer", "owner"]);
    assert_eq!(who(Scope::may_execute), ["owner"]);
    assert_eq!(who(Scope::may_publish), ["owner"]);
}
