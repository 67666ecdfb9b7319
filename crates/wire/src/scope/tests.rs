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
fn cp_008_runtime_peers_and_owners_upload_blobs() {
    let may: Vec<&str> = Scope::ALL
        .into_iter()
        .filter(|scope| scope.may_upload_blobs())
        .map(Scope::as_str)
        .collect();
    assert_eq!(may, ["runtime_peer", "owner"]);
}
