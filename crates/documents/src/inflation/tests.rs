use std::io::Write as _;

use flate2::Compression;
use flate2::write::DeflateEncoder;
use proptest::prelude::*;

use super::*;
use crate::DocKind;
use crate::chunks::MAGIC;
use crate::chunks::tests::document;

/// What chunks inflate to.
fn inflated(bytes: &[u8]) -> u64 {
    let mut budget = Budget::new(u64::MAX);
    budget.take(bytes).unwrap();
    u64::MAX - budget.left
}

fn deflated(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn chunk(kind: u8, data: &[u8]) -> Vec<u8> {
    let mut bytes = MAGIC.to_vec();
    bytes.extend([1, 2, 3, 4, kind]);
    let mut length = data.len();
    while length >= 0x80 {
        bytes.push((length & 0x7f) as u8 | 0x80);
        length >>= 7;
    }
    bytes.push(length as u8);
    bytes.extend(data);
    bytes
}

#[test]
fn a_bomb_in_a_change_is_counted_and_stops() {
    let mut doc = document(&["a".repeat(3 << 20)]);
    let mut change = doc.get_changes(&[]).remove(0);
    let bytes = change.bytes().into_owned();
    assert!(bytes.len() < 16 << 10, "{}", bytes.len());
    assert!(inflated(&bytes) > 3 << 20);
    let limit = 2 << 20;
    assert_eq!(Budget::new(limit).take(&bytes), Err(TooLarge { limit }));
    // Behind a chunk that cannot be walked, nothing is loaded.
    let behind_rubbish = [b"rubbish".as_slice(), &bytes].concat();
    assert_eq!(inflated(&behind_rubbish), 0);
}

#[test]
fn a_bomb_in_a_documents_columns_is_counted_and_stops() {
    let bytes = document(&["a".repeat(3 << 20)]).save();
    assert!(bytes.len() < 16 << 10, "{}", bytes.len());
    let limit = 2 << 20;
    assert_eq!(Budget::new(limit).take(&bytes), Err(TooLarge { limit }));
    assert_eq!(Budget::new(4 << 20).take(&bytes), Ok(()));
}

#[test]
fn the_budget_is_for_all_chunks_together_whether_they_make_sense_or_not() {
    let bomb = chunk(2, &deflated(&vec![0; 1 << 20]));
    let mut budget = Budget::new(5 << 19);
    assert_eq!(budget.take(&[bomb.clone(), bomb.clone()].concat()), Ok(()));
    assert!(budget.take(&bomb).is_err());
    // A bundle: no dependencies, no actors, no columns of changes, one deflated column.
    let column = deflated(&vec![0; 1 << 20]);
    let mut bundle = vec![0, 0, 0, 1, 0b1000];
    assert!((0x80..0x4000).contains(&column.len()));
    bundle.extend([
        (column.len() & 0x7f) as u8 | 0x80,
        (column.len() >> 7) as u8,
    ]);
    bundle.extend(&column);
    assert_eq!(inflated(&chunk(3, &bundle)), 1 << 20);
    // What breaks off has been inflated until then.
    let mut broken = deflated(&vec![0; 1 << 20]);
    broken.truncate(broken.len() / 2);
    assert!(inflated(&chunk(2, &broken)) > 1 << 18);
}

#[test]
fn the_seeds_of_rooms_fit() {
    for kind in DocKind::ALL {
        assert!(inflated(kind.seed()) < 1 << 16, "{kind:?}");
    }
}

proptest! {
    #[test]
    fn what_is_counted_is_what_the_library_inflates(
        texts in prop::collection::vec("[ab]{0,600}", 1..8)
    ) {
        let mut doc = document(&texts);
        for change in &mut doc.get_changes(&[]) {
            let raw = change.raw_bytes().to_vec();
            prop_assert_eq!(inflated(&raw), 0);
            let bytes = change.bytes();
            let (walked, _) = Chunk::first(&raw).unwrap();
            let expected = if *bytes == raw[..] { 0 } else { walked.data.len() as u64 };
            prop_assert_eq!(inflated(&bytes), expected);
        }
        prop_assert_eq!(inflated(&doc.save_nocompress()), 0);
        let (small, large) = (doc.save(), doc.save_nocompress());
        // What is not compressed is in both.
        let at_least = (large.len() as u64).saturating_sub(small.len() as u64);
        prop_assert!(inflated(&small) >= at_least);
        prop_assert!(inflated(&small) <= large.len() as u64);
    }

    #[test]
    fn no_bytes_break_it(bytes in prop::collection::vec(any::<u8>(), 0..200), kind in 0_u8..4) {
        inflated(&bytes);
        inflated(&chunk(kind, &bytes));
    }
}
