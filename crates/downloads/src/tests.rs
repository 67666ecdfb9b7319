use super::*;

use std::fs;

struct Place {
    folder: tempfile::TempDir,
    items: Vec<Item>,
}

fn package(version: &str) -> Package {
    Package {
        name: "runt".into(),
        version: version.into(),
        target: this_target(),
    }
}

fn place() -> Place {
    let folder = tempfile::tempdir().unwrap();
    let put = |name: &str, text: &str| {
        let path = folder.path().join(format!("source-{name}"));
        fs::write(&path, text).unwrap();
        path
    };
    let items = vec![
        Item::program("runtimed", put("runtimed", "daemon")),
        Item::program("runt", put("runt", "command")),
        Item::file("LICENSE", put("LICENSE", "free")),
    ];
    Place { folder, items }
}

#[test]
fn the_same_files_make_the_same_archive_whenever_and_in_whatever_order() {
    let place = place();
    let one = pack(
        place.folder.path(),
        &package("1.0.0"),
        &place.items,
        Effort::Best,
    )
    .unwrap();
    let bytes = fs::read(place.folder.path().join(&one.file)).unwrap();
    let other = tempfile::tempdir().unwrap();
    let mut items = self::place().items;
    items.reverse();
    let again = pack(other.path(), &package("1.0.0"), &items, Effort::Best);
    // The files of the other place are gone with it.
    assert!(matches!(again, Err(DownloadsError::Io { .. })));
    items = place.items.clone();
    items.reverse();
    let again = pack(other.path(), &package("1.0.0"), &items, Effort::Best).unwrap();
    assert_eq!(again, one);
    assert_eq!(fs::read(other.path().join(&one.file)).unwrap(), bytes);
    let names: Vec<&str> = one.programs.iter().map(|p| p.name.as_str()).collect();
    assert_eq!(names, ["runt", "runtimed"]);
    assert_eq!((one.size, one.glibc), (bytes.len() as u64, None));
}

#[test]
fn an_offer_takes_the_place_of_the_one_before_it() {
    let place = place();
    let folder = place.folder.path();
    assert_eq!(read(folder).unwrap(), None);
    let old = pack(folder, &package("1.0.0"), &place.items, Effort::Quick).unwrap();
    offer(folder, &old).unwrap();
    let mut elsewhere = package("1.0.0");
    elsewhere.target = "aarch64-apple-darwin".into();
    let elsewhere = pack(folder, &elsewhere, &place.items, Effort::Quick).unwrap();
    offer(folder, &elsewhere).unwrap();
    let new = pack(folder, &package("1.1.0"), &place.items, Effort::Quick).unwrap();
    offer(folder, &new).unwrap();
    let manifest = read(folder).unwrap().unwrap();
    assert_eq!(manifest.archives, [elsewhere, new.clone()]);
    assert!(!folder.join(&old.file).exists());
    let sums = fs::read_to_string(folder.join(CHECKSUMS)).unwrap();
    assert_eq!(sums, checksums(&manifest));
    assert!(sums.contains(&format!("{}  {}\n", new.sha256, new.file)));
}

#[test]
fn a_manifest_that_names_anything_but_plain_files_is_refused() {
    let place = place();
    let folder = place.folder.path();
    let good = pack(folder, &package("1.0.0"), &place.items, Effort::Quick).unwrap();
    let mut wrong = vec![good.clone(); 6];
    wrong[0].file = "../secret.tar.gz".into();
    wrong[1].file = ".hidden.tar.gz".into();
    wrong[2].file = "manifest.json".into();
    wrong[3].sha256 = "'; rm -rf /".into();
    wrong[4].version = "1 0".into();
    wrong[5].programs[0].name = "a/b".into();
    for wrong in wrong {
        let manifest = Manifest {
            archives: vec![good.clone(), wrong.clone()],
        };
        fs::write(
            folder.join(MANIFEST),
            serde_json::to_vec(&manifest).unwrap(),
        )
        .unwrap();
        let refused = read(folder);
        assert!(
            matches!(refused, Err(DownloadsError::Manifest { .. })),
            "{wrong:?}"
        );
    }
    fs::write(folder.join(MANIFEST), "[]").unwrap();
    assert!(
        read(folder)
            .unwrap_err()
            .to_string()
            .contains("manifest.json")
    );
    fs::write(folder.join(MANIFEST), " ".repeat(300 * 1024)).unwrap();
    assert!(
        read(folder)
            .unwrap_err()
            .to_string()
            .contains("longer than")
    );
}

#[test]
fn programs_come_out_as_they_went_in_and_nothing_else_does() {
    let place = place();
    let folder = place.folder.path();
    let archive = pack(folder, &package("1.0.0"), &place.items, Effort::Best).unwrap();
    let file = folder.join(&archive.file);
    let to = tempfile::tempdir().unwrap();
    let programs = unpack(&file, &archive, to.path()).unwrap();
    assert_eq!(
        programs,
        [to.path().join("runt"), to.path().join("runtimed")]
    );
    assert_eq!(fs::read_to_string(&programs[1]).unwrap(), "daemon");
    assert_eq!(fs::read_dir(to.path()).unwrap().count(), 2);
    for spoil in [
        |archive: &mut Archive| archive.sha256 = "0".repeat(64),
        |archive: &mut Archive| archive.programs[0].sha256 = "0".repeat(64),
        |archive: &mut Archive| archive.programs[0].name = "absent".into(),
    ] {
        let mut other = archive.clone();
        spoil(&mut other);
        let to = tempfile::tempdir().unwrap();
        let refused = unpack(&file, &other, to.path()).unwrap_err();
        assert!(
            matches!(refused, DownloadsError::Archive { .. }),
            "{refused}"
        );
    }
}
