//! Tests of the table as a whole, and of the man page against it; below them, of command lines.

mod refusals;
mod values;

use std::collections::HashSet;
use std::ffi::OsString;

use super::row::{Argument, Set};
use super::table::{Setting, rows};
use super::{Refusal, Settings, Start, VERSION, help, parse};

fn start(args: &[&str]) -> Result<Start, Refusal> {
    parse("memcached", args.iter().map(OsString::from), false)
}

fn run(args: &[&str]) -> Settings {
    match start(args) {
        Ok(Start::Run(settings)) => *settings,
        other => panic!("{args:?}: {other:?}"),
    }
}

fn print(args: &[&str]) -> String {
    match start(args) {
        Ok(Start::Print(text)) => text,
        other => panic!("{args:?}: {other:?}"),
    }
}

/// Message and exit code.
fn refused(args: &[&str]) -> (String, i32) {
    match start(args) {
        Err(refusal) => (refusal.message, refusal.exit_code),
        other => panic!("{args:?}: {other:?}"),
    }
}

fn stats(settings: &Settings) -> Vec<(String, String)> {
    let mut rows = Vec::new();
    settings.each_stat(|key, value| rows.push((key.to_string(), value.to_string())));
    rows
}

/// Rows of `stats settings` that the options change.
fn changed(args: &[&str]) -> String {
    let before = stats(&run(&[]));
    let after = stats(&run(args));
    let pairs = before
        .iter()
        .zip(&after)
        .filter(|(before, after)| before != after);
    let rows: Vec<_> = pairs
        .map(|(_, (key, value))| format!("{key} {value}"))
        .collect();
    rows.join(", ")
}

fn is_real(row: &&Setting) -> bool {
    !matches!(row.set, Set::Absent) && !row.option.is_empty()
}

/// A value that each option with an argument accepts.
fn good_value(row: &Setting) -> &'static str {
    match row.name() {
        "slab_automove" => "1",
        "slab_automove_ratio" => "0.5",
        "N" => "4",
        "B" => "ascii",
        "I" => "2m",
        "f" => "1.5",
        "o" => "modern",
        "hash_algorithm" => "xxh3",
        "slab_sizes" => "96-120",
        "slab_chunk_max" => "256",
        _ => "30",
    }
}

fn man_page() -> String {
    include_str!("../../memcached.1").replace("\\-", "-")
}

#[test]
fn man_page_has_one_entry_for_each_option() {
    let page = man_page();
    for row in rows().filter(is_real) {
        let entries = page.matches(&format!(".TP\n.B {}\n", row.option)).count();
        let is_for_tests = row.name() == "relaxed_privileges";
        assert_eq!(entries, usize::from(!is_for_tests), "{}", row.option);
    }
    let options = rows().filter(is_real).map(|row| row.option);
    let known: HashSet<_> = options.collect();
    let entries = page.split(".TP\n.B -").skip(1);
    for entry in entries.filter_map(|entry| entry.lines().next()) {
        assert!(
            known.contains(&*format!("-{entry}")),
            "memcached.1: what is -{entry}?"
        );
    }
}

#[test]
fn an_option_that_is_shown_shows_what_was_given() {
    let shown = |args: &[String], key: &str| match parse(
        "memcached",
        args.iter().map(OsString::from),
        false,
    ) {
        Ok(Start::Run(settings)) => stats(&settings)
            .into_iter()
            .find_map(|(name, value)| (name == key).then_some(value))
            .unwrap(),
        other => panic!("{args:?}: {other:?}"),
    };
    let is_shown = |row: &&Setting| is_real(row) && !row.stat.is_empty();
    for row in rows().filter(is_shown) {
        let name = row.name();
        let inverse = format!("no_{name}");
        let words: &[String] = match (row.letter(), row.argument()) {
            (Some(_), Argument::Required) => &[format!("-{name}"), good_value(row).into()],
            (Some(_), _) => &[format!("-{name}")],
            (None, Argument::Required) => &["-o".into(), format!("{name}={}", good_value(row))],
            // Whichever is not the default.
            (None, _) if row.answers_to(&inverse) => {
                let (on, off) = (["-o".into(), name.into()], ["-o".into(), inverse]);
                assert_ne!(
                    shown(&on, row.stat),
                    shown(&off, row.stat),
                    "{}",
                    row.option
                );
                continue;
            }
            (None, _) => &["-o".into(), name.into()],
        };
        let is_stuck = ["U", "slab_automove"].contains(&name);
        let changed = shown(words, row.stat) != shown(&[], row.stat);
        assert!(changed || is_stuck, "{}", row.option);
    }
}

#[test]
fn man_page_tells_every_default() {
    let page = man_page();
    let defaults = Settings::default();
    for row in rows()
        .filter(is_real)
        .filter(|row| row.argument() == Argument::Required)
    {
        let value = (row.typed)(&defaults);
        let (_, entry) = page.split_once(&format!(".B {}\n", row.option)).unwrap();
        let entry = entry.split(".TP").next().unwrap().replace('\n', " ");
        let told = entry.contains(&format!("default is {value}"));
        assert!(
            value.is_empty() || told,
            "memcached.1: {} {value}",
            row.option
        );
    }
}

#[test]
fn no_name_is_declared_twice() {
    let mut seen = HashSet::new();
    for row in rows() {
        let letter = row.letter().map(|name| format!("-{name}"));
        let long = row.long().map(|name| format!("--{name}"));
        let extended = row.extended().map(|name| format!("-o {name}"));
        let stat = Some(row.stat.to_string()).filter(|key| !key.is_empty());
        for name in [letter, long, extended, stat].into_iter().flatten() {
            assert!(seen.insert(name.clone()), "twice: {name}");
        }
    }
}

#[test]
fn inverse_names_belong_to_one_row_only() {
    for name in rows().filter_map(Setting::extended) {
        let inverse = format!("no_{name}");
        for name in [name, &inverse] {
            assert!(
                rows().filter(|row| row.answers_to(name)).count() <= 1,
                "{name}"
            );
        }
    }
}

#[test]
fn all_letters_of_memcached_are_known_and_no_others() {
    let mut letters: Vec<_> = rows().filter_map(Setting::letter).collect();
    letters.sort_unstable();
    let mut all: Vec<_> = help::ORDER
        .split("")
        .filter(|letter| !letter.is_empty())
        .collect();
    all.sort_unstable();
    assert_eq!(letters, all);
}

#[test]
fn every_option_can_be_given() {
    for row in rows().filter(is_real) {
        let name = row.name();
        let with_value = row.argument() == Argument::Required;
        let value = if with_value { good_value(row) } else { "" };
        let args = match row.letter() {
            Some(_) if with_value => vec![format!("-{name}"), value.to_string()],
            Some(_) => vec![format!("-{name}")],
            None => vec!["-o".to_string(), format!("{name}={value}")],
        };
        let outcome = parse("memcached", args.iter().map(OsString::from), false);
        assert!(outcome.is_ok(), "{}: {outcome:?}", row.option);
    }
}

#[test]
fn help_explains_what_is_there_and_promises_nothing_else() {
    let text = print(&["-h"]);
    assert_eq!(text.lines().next(), Some(&*format!("memcached {VERSION}")));
    for row in rows().filter(is_real).filter(|row| !row.help.is_empty()) {
        let option = match row.extended() {
            Some(name) => format!("\n    - {name}:"),
            None => format!("\n{} ", row.option),
        };
        assert!(text.contains(&option), "{option}");
    }
    let lower = text.to_lowercase();
    assert!(lower.contains("no_drop_privileges"));
    for word in ["ext_path", "enable-ssl", "proxy_config"] {
        assert!(!lower.contains(word), "{word}");
    }
    assert!(
        text.lines()
            .all(|line| line.is_ascii() && line.len() <= 100),
        "{text}"
    );
}

#[test]
fn licence_follows_the_version() {
    let text = print(&["-i"]);
    assert!(text.starts_with(&format!("memcached {VERSION}\n\nCopyright")));
}
