//! The cover matrix and the downgrade, row by row.

use store::{AclRow, SubjectKind};
use wire::Scope::{self, Editor, Owner, RuntimePeer, Viewer};

use super::{Downgrade, decide};

fn row(kind: SubjectKind, scope: Scope) -> AclRow {
    AclRow {
        notebook_id: "nb".to_owned(),
        subject_kind: kind,
        subject: "user:dev:ada".to_owned(),
        scope: scope.as_str().to_owned(),
        may_run: false,
        created_ms: 0,
        updated_ms: 0,
        created_by_actor_label: "x/y".to_owned(),
    }
}

fn with(scopes: &[Scope]) -> Vec<AclRow> {
    scopes
        .iter()
        .map(|scope| row(SubjectKind::Principal, *scope))
        .collect()
}

// CP-006
#[test]
fn cp_006_the_cover_matrix_is_exactly_that_of_1_4() {
    let matrix = [
        (Viewer, [true, false, false, false]),
        (Editor, [true, true, false, false]),
        (RuntimePeer, [true, false, true, false]),
        (Owner, [true, true, false, true]),
    ];
    for (held, expected) in matrix {
        for (requested, granted) in Scope::ALL.into_iter().zip(expected) {
            let got = decide(&with(&[held]), requested, Downgrade::Never);
            assert_eq!(got, granted.then_some(requested), "{held} for {requested}");
        }
    }
}

// CP-326
#[test]
fn cp_326_an_owner_request_is_lowered_on_live_routes() {
    assert_eq!(
        decide(&with(&[Editor]), Owner, Downgrade::Live),
        Some(Editor)
    );
    assert_eq!(
        decide(&with(&[Viewer]), Owner, Downgrade::Live),
        Some(Viewer)
    );
    assert_eq!(
        decide(&with(&[Viewer]), Editor, Downgrade::Live),
        Some(Viewer)
    );
    assert_eq!(decide(&[], Owner, Downgrade::Live), None);
    let public = [row(SubjectKind::Public, Viewer)];
    assert_eq!(decide(&public, Owner, Downgrade::Live), Some(Viewer));
    assert_eq!(decide(&public, Owner, Downgrade::Never), None);
    assert_eq!(decide(&public, Viewer, Downgrade::Never), Some(Viewer));
}

// CP-007
#[test]
fn cp_007_editor_and_owner_together_are_no_machine() {
    assert_eq!(
        decide(&with(&[Editor, Owner]), RuntimePeer, Downgrade::Never),
        None
    );
}

// CP-327
#[test]
fn cp_327_runtime_peer_is_never_lowered_to_or_from() {
    let mut rows = with(&[Owner]);
    rows.push(row(SubjectKind::Public, Viewer));
    assert_eq!(decide(&rows, RuntimePeer, Downgrade::Live), None);
    assert_eq!(
        decide(&with(&[RuntimePeer]), Owner, Downgrade::Live),
        Some(Viewer)
    );
    assert_eq!(
        decide(&with(&[Owner, RuntimePeer]), RuntimePeer, Downgrade::Live),
        Some(RuntimePeer)
    );
}
