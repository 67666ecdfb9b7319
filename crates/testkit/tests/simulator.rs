//! A thousand worlds in ten parts, or as many as `SEEDS` says. `SEED=n` plays one of them alone.

use testkit::simulator::run;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

fn play_part(part: u64) {
    let mut epochs = 0;
    let mut broken = Vec::new();
    let mut play = |seed| match run(seed) {
        Ok(begun) => epochs += begun,
        Err(why) => broken.push(why),
    };
    match number("SEED") {
        Some(seed) if part == 0 => play(seed),
        Some(_) => return,
        None => {
            let worlds = number("SEEDS").unwrap_or(1000) / 10;
            (part * worlds..(part + 1) * worlds).for_each(play);
            assert!(
                worlds < 100 || epochs as u64 > worlds / 10,
                "{epochs} epochs were begun in {worlds} worlds"
            );
        }
    }
    assert!(
        broken.is_empty(),
        "{} worlds broke:\n{}",
        broken.len(),
        broken.join("\n")
    );
}

macro_rules! parts {
    ($($name:ident: $number:expr,)*) => {$(
        // RP-093 RP-117 RP-118 RP-119 RP-201 RP-215
        #[test]
        fn $name() {
            play_part($number);
        }
    )*};
}

parts! {
    worlds_0_to_99: 0,
    worlds_100_to_199: 1,
    worlds_200_to_299: 2,
    worlds_300_to_399: 3,
    worlds_400_to_499: 4,
    worlds_500_to_599: 5,
    worlds_600_to_699: 6,
    worlds_700_to_799: 7,
    worlds_800_to_899: 8,
    worlds_900_to_999: 9,
}
