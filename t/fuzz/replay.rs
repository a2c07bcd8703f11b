//! The corpus of the fuzzer, replayed: every input that ever broke something, or might.

#![forbid(unsafe_code)]

#[path = "src/lib.rs"]
mod fuzz;

use std::path::Path;

/// Runs each recipe of a target; the test's output names the last one.
fn replay(name: &str) {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("t/fuzz/corpus")
        .join(name);
    let found = fuzz::TARGETS.iter().find(|(known, _)| *known == name);
    let (_, target) = found.expect("a target of that name");
    let files = std::fs::read_dir(&directory).expect("a corpus");
    let mut paths: Vec<_> = files.map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    assert!(paths.len() >= 10, "the corpus of {name} is not there");
    for path in paths {
        println!("{}", path.display());
        let text = std::fs::read_to_string(&path).expect("a recipe is text");
        let input = fuzz::recipe::read(&text).expect("and a recipe");
        target(&input);
        // What the fuzzer finds is written down in this way.
        assert_eq!(fuzz::recipe::read(&fuzz::recipe::write(&input)), Ok(input));
    }
}

#[test]
fn text_of_the_corpus_breaks_nothing() {
    replay("text");
}

#[test]
fn meta_commands_of_the_corpus_break_nothing() {
    replay("meta");
}

#[test]
fn frames_of_the_corpus_break_nothing() {
    replay("binary");
}

#[test]
fn datagrams_of_the_corpus_break_nothing() {
    replay("udp");
}
