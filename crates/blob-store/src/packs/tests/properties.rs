//! Whatever happens, and whatever the bytes.

use proptest::prelude::*;

use super::*;

/// What may happen to a store.
#[derive(Debug, Clone)]
enum Step {
    Keep(usize),
    KeepAll(Vec<usize>),
    /// All files become as if two days older.
    Age,
    Remove(usize),
    Restart,
}

/// What is known of a blob.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Known {
    Absent,
    Young,
    Old,
    /// It was removed before a restart, which may have brought it back.
    Unsure,
}

const NUMBERS: usize = 6;

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let many = prop::collection::vec(0..NUMBERS, 0..5);
    let step = prop_oneof![
        1 => (0..NUMBERS).prop_map(Step::Keep),
        3 => many.prop_map(Step::KeepAll),
        2 => Just(Step::Age),
        4 => (0..NUMBERS).prop_map(Step::Remove),
        1 => Just(Step::Restart),
    ];
    prop::collection::vec(step, 1..20)
}

/// The last one is no blob for packs.
fn sized(number: usize) -> Blob {
    let size = if number == NUMBERS - 1 {
        PACKED_LIMIT + 1
    } else {
        100 * number
    };
    Blob::of(vec![number as u8; size])
}

async fn follow(steps: Vec<Step>) {
    let folder = folder();
    let mut store = open(&folder);
    let mut known = [Known::Absent; NUMBERS];
    let emptying = (0..NUMBERS).map(Step::Remove);
    let all = steps.into_iter().chain([Step::Age]).chain(emptying);
    for step in all {
        match &step {
            Step::Keep(number) => {
                let stored = store.keep(sized(*number)).await.unwrap();
                let was = std::mem::replace(&mut known[*number], Known::Young);
                assert!(was == Known::Unsure || (stored == Stored::New) == (was == Known::Absent));
            }
            Step::KeepAll(numbers) => {
                let all = numbers.iter().map(|number| sized(*number)).collect();
                store.keep_all(all).await.unwrap();
                for number in numbers {
                    known[*number] = Known::Young;
                }
            }
            Step::Age => {
                age_files(folder.path(), 2 * DAY);
                let young = known.iter_mut().filter(|known| **known == Known::Young);
                young.for_each(|known| *known = Known::Old);
            }
            Step::Remove(number) => {
                let gone = store
                    .remove_if_older(sized(*number).hash(), DAY)
                    .await
                    .unwrap();
                let known = &mut known[*number];
                assert!(
                    *known == Known::Unsure || gone == (*known == Known::Old),
                    "{known:?}"
                );
                if *known != Known::Young {
                    *known = Known::Absent;
                }
            }
            Step::Restart => {
                store = open(&folder);
                let absent = known.iter_mut().filter(|known| **known == Known::Absent);
                absent.for_each(|known| *known = Known::Unsure);
            }
        }
        for (number, known) in known.iter().enumerate() {
            let blob = sized(number);
            let is_there = is_there(&store, &blob).await;
            let old = store.older_than(&blob.hash()[..2], DAY).await.unwrap();
            let listed = old.iter().filter(|hash| *hash == blob.hash()).count();
            let (there, listings) = match known {
                Known::Absent => (false, 0),
                Known::Young => (true, 0),
                Known::Old => (true, 1),
                Known::Unsure => (is_there, usize::from(is_there)),
            };
            assert_eq!(
                (is_there, listed),
                (there, listings),
                "{number} after {step:?}"
            );
        }
    }
    assert!(packs(&folder).is_empty(), "all that they had is removed");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    #[test]
    fn what_is_kept_is_there_until_it_is_old_and_removed(steps in steps()) {
        block_on(follow(steps));
    }
}

proptest! {
    #[test]
    fn a_table_is_read_as_it_was_written_or_not_at_all(
        sizes in prop::collection::vec(0..300_usize, 0..20),
        cut in any::<prop::sample::Index>(),
        flip in any::<prop::sample::Index>(),
        bit in 0..8_u32,
        made_up in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        let blobs: Vec<_> = sizes.iter().enumerate().map(|(number, size)| {
            let bytes = Bytes::from(vec![number as u8; *size]);
            ([number as u8; 32], bytes)
        }).collect();
        let (head, entries) = format::head(&blobs);
        let mut pack = head.clone();
        for (_, bytes) in &blobs {
            pack.extend(bytes);
        }
        prop_assert_eq!(&format::table(&pack[..], pack.len() as u64).unwrap(), &entries);
        for (entry, (key, bytes)) in entries.iter().zip(&blobs) {
            let start = entry.offset as usize;
            prop_assert_eq!(&entry.key, key);
            prop_assert_eq!(&pack[start..start + entry.length as usize], &bytes[..]);
        }
        let cut = &pack[..cut.index(pack.len())];
        prop_assert!(format::table(cut, cut.len() as u64).is_err());
        let mut flipped = pack.clone();
        flipped[flip.index(head.len())] ^= 1 << bit;
        prop_assert!(format::table(&flipped[..], flipped.len() as u64).is_err());
        prop_assert!(format::table(&made_up[..], made_up.len() as u64).is_err());
    }
}
