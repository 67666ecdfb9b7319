//! The terminal against the recorded cases, and what decision D10 asks beyond them.
#![allow(clippy::unwrap_used)]

use documents::terminal::{MAX_ROW_CELLS, SCREEN_ROWS, Terminal};
use proptest::prelude::*;
use serde_json::Value;

fn render(chunks: &[&str]) -> String {
    let mut terminal = Terminal::new();
    for chunk in chunks {
        terminal.feed(chunk);
    }
    terminal.render()
}

// DOC-154 DOC-155
#[test]
fn recorded_cases_render_as_recorded_except_what_is_kept_whole() {
    let cases: Vec<Value> =
        serde_json::from_str(include_str!("../../../tests/vectors/terminal.json")).unwrap();
    assert_eq!(cases.len(), 51);
    for case in cases {
        let name = case["name"].as_str().unwrap();
        let chunks: Vec<&str> = case["chunks"]
            .as_array()
            .unwrap()
            .iter()
            .map(|c| c.as_str().unwrap())
            .collect();
        let mut expected = case["rendered"].as_str().unwrap().to_owned();
        // Decision D10.
        match name {
            "wrap at 128 columns" => expected = expected.replace('\n', ""),
            "tab" | "tab at col 8" => chunks[0].clone_into(&mut expected),
            "inverse dropped" => expected = "\u{1b}[7minv\u{1b}[0m".to_owned(),
            _ => {}
        }
        assert_eq!(render(&chunks), expected, "case `{name}`");
    }
}

#[test]
fn a_tab_is_kept_until_something_is_written_over_it() {
    let table = "name\tx\ty\nalpha\t10\t200\n\tb\t1\n12345678\tz\n";
    assert_eq!(render(&[table]), table);
    assert_eq!(render(&["a\tb\r12"]), "12      b");
    assert_eq!(render(&["a\tb\u{1b}[5Dx"]), "a   x   b");
    assert_eq!(render(&["abcdefghij\r\tZ"]), "abcdefghZj");
    assert_eq!(render(&["a\tb\r\tc"]), "a\tc");
    assert_eq!(render(&["a\t"]), "a");
    assert_eq!(
        render(&["\u{1b}[7mon\u{1b}[27moff"]),
        "\u{1b}[7mon\u{1b}[0moff"
    );
}

#[test]
fn sealed_text_and_tail_together_are_the_whole_text() {
    let mut terminal = Terminal::new();
    let mut whole = String::new();
    let mut taken = String::new();
    for i in 0..5000 {
        let line = format!("line {i}\n");
        terminal.feed(&line);
        whole.push_str(&line);
        if let Some(sealed) = terminal.take_sealed(1000) {
            taken.push_str(&sealed);
        }
        assert!(terminal.render().len() < 1000 + (SCREEN_ROWS + 1) * 12);
    }
    taken.push_str(&terminal.render());
    assert_eq!(taken, whole);
}

#[test]
fn a_line_without_end_is_kept_whole_in_bounded_memory() {
    let mut terminal = Terminal::new();
    terminal.feed("above\n");
    let mut taken = String::new();
    for _ in 0..100 {
        terminal.feed(&"ab cd".repeat(1000));
        taken.push_str(&terminal.take_sealed(1).unwrap_or_default());
    }
    taken.push_str(&terminal.render());
    assert_eq!(taken, format!("above\n{}", "ab cd".repeat(100_000)));
}

#[test]
fn a_cursor_cannot_reach_sealed_rows() {
    let mut terminal = Terminal::new();
    for i in 0..150 {
        terminal.feed(&format!("{i}\n"));
    }
    let sealed = terminal.take_sealed(1).unwrap();
    assert!(sealed.starts_with("0\n1\n"));
    terminal.feed("\u{1b}[500A\rtop");
    assert!(terminal.render().starts_with("top\n") || terminal.render().starts_with("top"));
    let first_live: usize = sealed.lines().last().unwrap().parse::<usize>().unwrap() + 1;
    assert!(
        terminal
            .render()
            .contains(&format!("\n{}\n", first_live + 1))
    );
}

#[test]
fn style_is_closed_at_a_seal_and_opened_after_it() {
    let mut terminal = Terminal::new();
    terminal.feed("\u{1b}[31m");
    for i in 0..120 {
        terminal.feed(&format!("{i}\n"));
    }
    let sealed = terminal.take_sealed(1).unwrap();
    assert!(sealed.starts_with("\u{1b}[31m0\n") && sealed.ends_with("\u{1b}[0m"));
    assert!(terminal.render().starts_with("\u{1b}[31m"));
}

#[test]
fn arbitrary_bytes_never_panic() {
    let mut seed = 7u64;
    let alphabet = [
        'a', '\u{1b}', '[', '5', ';', 'A', 'J', '2', 'H', 'L', 'M', '\n', '\r', '\t', '日',
        '\u{301}', 'S', 'P', '@', '\u{8}', 'c', '?', '9', 'u', 's', 'B', 'K', 'X',
    ];
    let mut terminal = Terminal::new();
    for _ in 0..200_000 {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let c = alphabet[(seed >> 33) as usize % alphabet.len()];
        terminal.feed(c.encode_utf8(&mut [0; 4]));
        let _ = terminal.take_sealed(10_000);
    }
    let _ = terminal.render();
}

#[test]
fn what_a_line_costs_does_not_grow() {
    let mut terminal = Terminal::new();
    let mut batch = |_| {
        let start = std::time::Instant::now();
        for i in 0..20_000 {
            terminal.feed("a line of plain text of an ordinary length\n");
            if i % 1000 == 0 {
                let _ = terminal.take_sealed(1);
                let _ = terminal.render();
            }
        }
        start.elapsed()
    };
    let times: Vec<_> = (0..10).map(&mut batch).collect();
    // The fastest of each half, so that a busy machine does not decide.
    let early = times[..5].iter().min().unwrap();
    let late = times[5..].iter().min().unwrap();
    println!("{times:?}");
    assert!(*late < *early * 3, "{times:?}");
}

/// Runs of lines, and what a program does between them.
fn text_of_a_program() -> impl Strategy<Value = Vec<String>> {
    let lines = |count: usize, line: &'static str| line.repeat(count);
    let piece = prop_oneof![
        4 => (0..3 * SCREEN_ROWS).prop_map(move |count| lines(count, "an ordinary line\n")),
        2 => (0..2 * SCREEN_ROWS).prop_map(move |count| lines(count, "blanks at its end  \n\n")),
        2 => "[ -~\n]{0,200}",
        1 => (0..2 * MAX_ROW_CELLS).prop_map(|count| "x ".repeat(count)),
        4 => "(\u{1b}\\[[0-9;]{0,3}[ABCDEFGHJKLMPSXmsu@]|\u{1b}[DEM78c]|\r|\t|\u{8}|é|日|\u{301}|\u{7f}|\n){1,4}",
        1 => "(\u{1b}|\u{1b}\\[|\u{1b}\\[3|\u{1b}\\]0;title|\u{7}|\u{1b}P|\u{1b}\\\\|\u{18}|\u{1b}\\[\\?1049[hl])",
    ];
    proptest::collection::vec(piece, 0..12)
}

/// What is shown of a text that comes in pieces: finished text, the rest, and how it goes on from there.
fn shown(pieces: impl Iterator<Item = String>) -> [String; 3] {
    let mut terminal = Terminal::new();
    for piece in pieces {
        terminal.feed(&piece);
    }
    let finished = terminal.take_sealed(1).unwrap_or_default();
    let rest = terminal.render();
    // Where the cursor is and what style is on shows in what comes next.
    terminal.feed("next\u{1b}[5Aup\u{1b}[20Ldown");
    [finished, rest, terminal.render()]
}

proptest! {
    #[test]
    fn it_does_not_matter_in_what_pieces_text_comes(pieces in text_of_a_program()) {
        let text = pieces.concat();
        let bit_by_bit = shown(text.chars().map(String::from));
        prop_assert_eq!(&shown(pieces.into_iter()), &bit_by_bit);
        prop_assert_eq!(&shown(std::iter::once(text)), &bit_by_bit);
    }
}
