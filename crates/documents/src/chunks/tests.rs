use automerge::transaction::Transactable as _;
use automerge::{AutoCommit, ROOT};
use proptest::prelude::*;

use super::*;
use crate::DocKind;

/// A document with changes of these texts; long ones are compressed.
pub(crate) fn document(texts: &[String]) -> AutoCommit {
    let mut doc = AutoCommit::new();
    for (number, text) in texts.iter().enumerate() {
        doc.put(ROOT, format!("key-{number}"), text.as_str())
            .unwrap();
        doc.commit();
    }
    doc
}

#[test]
fn the_seeds_of_rooms_are_whole() {
    for kind in DocKind::ALL {
        assert_eq!(broken_at(kind.seed()), None, "{kind:?}");
    }
}

#[test]
fn what_follows_rubbish_is_behind_the_break() {
    let change = document(&["a".to_owned()]).get_changes(&[]).remove(0);
    let change = change.raw_bytes();
    assert_eq!(
        broken_at(&[change, b"rubbish"].concat()),
        Some(change.len())
    );
    assert_eq!(broken_at(&[b"rubbish", change].concat()), Some(0));
}

proptest! {
    #[test]
    fn what_the_library_writes_is_whole_and_any_other_byte_breaks_it(
        texts in prop::collection::vec("[ab]{0,600}", 1..8),
        at in any::<prop::sample::Index>(),
        flipped in 1_u8..,
    ) {
        let mut doc = document(&texts);
        prop_assert_eq!(broken_at(&doc.save()), None);
        // What is compressed has bits that say nothing: another byte may be the same content.
        let mut whole = doc.save_nocompress();
        for change in &mut doc.get_changes(&[]) {
            prop_assert_eq!(broken_at(&change.bytes()), None);
            whole.extend_from_slice(change.raw_bytes());
        }
        prop_assert_eq!(broken_at(&whole), None);
        prop_assert!(broken_at(&whole[..whole.len() - 1]).is_some());
        let at = at.index(whole.len());
        whole[at] ^= flipped;
        let broken = broken_at(&whole);
        prop_assert!(broken.is_some_and(|broken| broken <= at));
    }
}
