use super::*;

use std::os::unix::fs::PermissionsExt as _;

use downloads::Program;

fn archive(version: &str, programs: &[(&str, &Path)]) -> Archive {
    let programs = programs.iter().map(|(name, path)| Program {
        name: (*name).to_owned(),
        sha256: digest_of(path).unwrap(),
        size: 1,
    });
    Archive {
        package: RUNT_PACKAGE.into(),
        version: version.into(),
        target: this_target(),
        file: "runt.tar.gz".into(),
        sha256: "0".repeat(64),
        size: 1,
        glibc: None,
        programs: programs.collect(),
    }
}

fn programs(folder: &Path, text: &str) {
    for name in PROGRAMS {
        fs::write(
            folder.join(name),
            format!("#!/bin/sh\necho {name} {text}\n"),
        )
        .unwrap();
        fs::set_permissions(folder.join(name), fs::Permissions::from_mode(0o755)).unwrap();
    }
}

fn installation(folder: &Path, version: &str) -> Installation {
    Installation::of(&folder.join("runt"), version).unwrap()
}

#[test]
fn an_offer_is_told_by_its_bytes_and_then_by_its_version() {
    let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    programs(here.path(), "1");
    programs(there.path(), "2");
    let own = installation(here.path(), "0.2.0");
    let of = |version: &str, folder: &Path| {
        let paths = PROGRAMS.map(|name| (name, folder.join(name)));
        let named = paths.each_ref().map(|(name, path)| (*name, path.as_path()));
        own.standing(&archive(version, &named))
    };
    assert_eq!(of("9.0.0", here.path()), Standing::Same);
    assert_eq!(of("0.10.0", there.path()), Standing::Newer);
    assert_eq!(of("0.2.0", there.path()), Standing::OtherBuild);
    assert_eq!(of("0.1.9", there.path()), Standing::Older);
    assert_eq!(of("mine", there.path()), Standing::OtherBuild);
}

#[test]
fn programs_of_others_are_left_alone() {
    let built = tempfile::tempdir().unwrap();
    let debug = built.path().join("target/debug");
    fs::create_dir_all(&debug).unwrap();
    fs::write(built.path().join("target").join(BUILT_HERE), "{}").unwrap();
    programs(&debug, "1");
    let refused = installation(&debug, "0.1.0").may_be_replaced().unwrap_err();
    assert!(matches!(&refused, UpgradeError::BuiltHere(_)));
    assert!(refused.to_string().contains("Hint: "), "{refused}");
    for place in ["/usr/bin", "/nix/store/x/bin", "/usr/local/Cellar/runt/bin"] {
        let packaged = Installation {
            folder: place.into(),
            version: "0.1.0".into(),
        };
        let refused = packaged.may_be_replaced().unwrap_err();
        assert!(matches!(&refused, UpgradeError::Packaged(_)), "{place}");
        assert!(refused.to_string().contains("Hint: "), "{refused}");
    }
    let gone = Installation {
        folder: built.path().join("gone"),
        version: "0.1.0".into(),
    };
    let refused = gone.may_be_replaced().unwrap_err();
    assert!(matches!(refused, UpgradeError::NotWritable { .. }));
    let own = tempfile::tempdir().unwrap();
    programs(own.path(), "1");
    installation(own.path(), "0.1.0").may_be_replaced().unwrap();
}

#[test]
fn both_programs_are_switched_or_none() {
    let here = tempfile::tempdir().unwrap();
    programs(here.path(), "old");
    let own = installation(here.path(), "0.1.0");
    let text = |name: &str| fs::read_to_string(here.path().join(name)).unwrap();
    let new = here.path().join("new");
    fs::create_dir(&new).unwrap();
    programs(&new, "new");
    // The second is missing.
    fs::remove_file(new.join("runt")).unwrap();
    let kept = here.path().join("kept");
    fs::create_dir(&kept).unwrap();
    own.switch(&new, &kept).unwrap_err();
    for name in PROGRAMS {
        assert!(text(name).contains("old"), "{name}");
    }
    programs(&new, "new");
    fs::remove_dir_all(&kept).unwrap();
    fs::create_dir(&kept).unwrap();
    own.switch(&new, &kept).unwrap();
    for name in PROGRAMS {
        assert!(text(name).contains("new"), "{name}");
    }
}

#[tokio::test]
async fn a_program_that_does_not_start_here_is_told_with_its_own_words() {
    let here = tempfile::tempdir().unwrap();
    programs(here.path(), "0.2.0");
    assert_eq!(try_out(&here.path().join("runt")).await.unwrap(), "0.2.0");
    let script = "#!/bin/sh\necho version GLIBC_9.9 not found >&2; exit 1\n";
    fs::write(here.path().join("runt"), script).unwrap();
    let told = try_out(&here.path().join("runt")).await.unwrap_err();
    let told = told.to_string();
    assert!(
        told.contains("GLIBC_9.9") && told.contains("nothing was replaced"),
        "{told}"
    );
    fs::write(here.path().join("runt"), "\x7fELF").unwrap();
    let told = try_out(&here.path().join("runt")).await.unwrap_err();
    assert!(matches!(told, UpgradeError::DoesNotStart { .. }), "{told}");
}
