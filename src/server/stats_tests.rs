//! Tests of the lists of `stats`: each counter is in one, doc/stats.txt has each line, and a reset
//! leaves sums that agree.

use super::Server;
use super::logins::Logins;
use super::stat_row::StatRow;
use super::stats::GENERAL;
use super::stats_conns::CONNS;
use super::stats_items::ITEMS;
use super::stats_sizes::{NO_SIZES, SIZES};
use super::stats_slabs::{ALL_SLABS, SLABS};
use crate::counters::{ClassTotals, Field, ListTotals, StatKind, ThreadTotals};
use crate::settings::{Live, Settings};
use crate::store::hash::Secret;
use crate::store::{CLASSES_MAX, Meta, Mode, StoreRules, ThreadState};
use std::collections::HashMap;

/// Counters that are shown under another name, or as part of another figure.
const OTHERWISE: [(&str, &str); 3] = [
    ("evicted", "evictions"),
    ("mem_linked", "mem_requested"),
    ("mem_unlinked", "mem_requested"),
];

/// A line of a list, and when it is shown.
type Declared = (Field, &'static str);

fn declared<V>(rows: &[StatRow<V>]) -> Vec<Declared> {
    rows.iter().map(|row| (row.field, row.when.0)).collect()
}

/// All lists, by the command that shows them.
fn lists() -> [(&'static str, Vec<Declared>); 6] {
    [
        ("stats", declared(GENERAL)),
        ("stats items", declared(ITEMS)),
        ("stats slabs", declared(SLABS)),
        ("stats slabs, at the end", declared(ALL_SLABS)),
        (
            "stats sizes",
            [declared(NO_SIZES), declared(SIZES)].concat(),
        ),
        ("stats conns", declared(CONNS)),
    ]
}

/// A list as doc/stats.txt has it, but for white space.
fn documented(list: &[Declared]) -> String {
    let line = |(field, shown): &Declared| {
        let kind = match field.kind {
            StatKind::Counter => "counter",
            StatKind::Gauge => "gauge",
            StatKind::Text => "text",
        };
        let shown = match shown {
            &"" => String::new(),
            shown => format!(" [{shown}]"),
        };
        format!("    {:<30} {kind:<7} {}{shown}", field.name, field.help)
    };
    list.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn stats_txt_tells_of_each_line_what_is_declared() {
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let document = words(include_str!("../../doc/stats.txt"));
    let missing = |(_, list): &(_, Vec<Declared>)| !document.contains(&words(&documented(list)));
    let text =
        |(command, list): (&str, Vec<Declared>)| format!("{command}\n{}\n", documented(&list));
    let wanted: String = lists().into_iter().filter(missing).map(text).collect();
    assert!(wanted.is_empty(), "doc/stats.txt should have:\n{wanted}");
}

#[test]
fn every_counter_is_in_a_list_and_no_list_has_a_line_twice() {
    let mut shown = HashMap::new();
    for (command, list) in lists() {
        for (field, _) in list {
            let before = shown.insert(field.name, command);
            assert_ne!(before, Some(command), "{} twice", field.name);
            assert!(field.help.ends_with('.'), "{}: {}", field.name, field.help);
        }
    }
    let all = [
        ThreadTotals::FIELDS,
        ClassTotals::FIELDS,
        ListTotals::FIELDS,
    ];
    for field in all.into_iter().flatten() {
        let other = OTHERWISE.iter().find(|(counter, _)| *counter == field.name);
        let line = other.map_or(field.name, |(_, line)| line);
        assert!(shown.contains_key(line), "{line}");
    }
}

/// Stores an item; gives its class, the first that is in use.
fn store_one(server: &Server, local: &mut ThreadState) -> usize {
    let (store, terms) = (&server.store, StoreRules::from(Mode::Set));
    let stored = store.put(local, &store.key(b"k"), Meta::default(), b"v", &terms);
    assert!(stored.is_ok());
    let used = store.used_classes();
    (0..CLASSES_MAX).find(|&class| used.has(class)).unwrap()
}

#[test]
fn a_reset_in_the_middle_of_a_get_leaves_no_more_hits_than_gets() {
    let settings = Settings {
        memory_bytes: Live::new(16 << 20),
        ..Settings::default()
    };
    let server = Server::new(settings, Logins::default(), Secret::from_number(1)).unwrap();
    let mut local = server.add_thread();
    let class = store_one(&server, &mut local);
    let (thread, class) = (&local.counters.thread, &local.counters.class[class]);
    // One has been asked for and not found yet.
    thread.cmd_get.add(3);
    class.hits_to_hot.add(1);
    thread.get_misses.add(1);
    thread.cmd_touch.add(1);
    server.stats_reset();
    class.hits_to_hot.add(1);
    class.touch_hits.add(1);
    let mut shown = HashMap::new();
    server.stats(|name, value| {
        shown.insert(name.to_owned(), value.to_string());
    });
    let shown = |name: &str| shown[name].parse::<u64>().unwrap();
    assert_eq!((shown("cmd_get"), shown("get_hits")), (1, 1));
    assert_eq!((shown("cmd_touch"), shown("touch_hits")), (1, 1));
    assert_eq!(shown("get_misses"), 0);
    server.store.retire(local);
}
